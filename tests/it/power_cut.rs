//! A power failure: everything that was not fsynced is lost, as with a real machine and
//! unlike with `kill -9`. Nothing that was acknowledged may be among it.
//!
//! The store lies in an ext4 file system in a file. In mid load the program is stopped, the file is
//! copied as it is behind the loop device (what is only in the page cache is not in it), the program is
//! killed, and the next start finds the copy. It models a lost page cache, not a disk that ignores an
//! fsync. That the method finds a bug is shown by `tests/sabotage/run sync-normal`.

use crate::harness::disk::{Disk, can_mount};
use crate::harness::ledger::{Ledger, mixed, register_orders};
use crate::harness::{ConfigBuilder, Engine, Server};

/// Cuts with the program as it is.
const ROUNDS: usize = 12;
/// Deliveries made ready for one round.
const DELIVERIES: usize = 150;

/// A server and the disk that its store lies on; the server ends first.
struct Machine {
    server: Server,
    disk: Disk,
}

impl Machine {
    /// A first start on an empty disk.
    fn start() -> Self {
        let disk = Disk::new();
        let config = ConfigBuilder::new(Engine::Sqlite).in_folder(disk.path());
        let mut server = Server::stopped(&config);
        server.restart();
        Self { server, disk }
    }

    /// Sends load, cuts the power once `enough` was acknowledged, and starts again on what is left.
    fn cut_power(&mut self, ledger: &mut Ledger, round: usize, enough: usize) {
        let (server, disk) = (&mut self.server, &mut self.disk);
        let mut reached = Vec::new();
        ledger.storm(server, &mixed(round, DELIVERIES), enough, |server| {
            server.freeze();
            reached = disk.what_reached_it();
            server.kill9();
        });
        disk.come_back_with(&reached);
        server.restart();
    }
}

#[test]
fn nothing_acknowledged_is_lost_when_the_power_goes() {
    if !can_mount() {
        return;
    }
    let mut machine = Machine::start();
    let mut ledger = Ledger::default();
    for round in 0..ROUNDS {
        register_orders(&machine.server, round, DELIVERIES);
        machine.cut_power(&mut ledger, round, 1 + 31 * round % 110);
        let lost = ledger.lost(&machine.server);
        assert!(lost.is_empty(), "round {round}: lost {lost:?}");
    }
    ledger.assert_kept(&machine.server);
    ledger.measured(&machine.server, "power cut", ROUNDS);
    ledger.assert_whole_after_redelivery(&mut machine.server);
}

//! The service under systemd: what it tells the manager, and the unit that comes with it.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::harness::folder::Folder;
use crate::harness::{ConfigBuilder, Engine, Server};

#[test]
fn the_manager_is_told_when_it_is_ready_reloads_and_stops() {
    let folder = Folder::new();
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).expect("a socket of our own");
    let timeout = Some(Duration::from_secs(30));
    manager.set_read_timeout(timeout).expect("a socket option");
    let told = || {
        let mut text = [0; 200];
        let length = manager.recv(&mut text).expect("something is told");
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    let socket = path.display().to_string();
    let config = ConfigBuilder::new(Engine::Sqlite).variable("NOTIFY_SOCKET", &socket);
    let mut server = Server::start(&config);
    assert_eq!(told(), "READY=1");
    server.signal("HUP");
    assert_eq!([told(), told()], ["RELOADING=1", "READY=1"]);
    std::fs::remove_file(server.config_path()).expect("it was there");
    server.signal("HUP");
    assert_eq!(
        [told(), told()],
        ["RELOADING=1", "READY=1"],
        "the old config is as good"
    );
    assert_eq!(server.terminate().code(), Some(0));
    assert_eq!(told(), "STOPPING=1");
}

#[test]
fn the_unit_waits_for_ready_and_reloads_by_signal() {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/systemd/refund-receiver.service");
    let text = std::fs::read_to_string(&unit).expect("the unit");
    for line in [
        "Type=notify",
        "ExecReload=/bin/kill -HUP $MAINPID",
        "UMask=0077",
        "RestartPreventExitStatus=2",
    ] {
        assert!(text.lines().any(|have| have == line), "{line}");
    }
    for start in ["ExecStart=", "ExecStartPre="] {
        let line = text.lines().find_map(|line| line.strip_prefix(start));
        let mut words = line.expect("a command").split(' ').skip(1);
        let command = words.next().expect("a command of ours");
        let help = Command::new(crate::harness::server::PROGRAM)
            .args([command, "--help"])
            .output();
        assert!(help.expect("it starts").status.success(), "{command}");
    }
}

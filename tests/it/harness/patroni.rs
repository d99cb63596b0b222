//! What Patroni says of a server to a health check, by what the server itself says. Patroni's own part,
//! choosing the primary, is the test's.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Postgres;

/// Answers `OPTIONS /primary`: 200 on the primary, 503 on a standby and where the server is gone, and nothing
/// while it is frozen.
#[derive(Debug)]
pub struct Patroni {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
}

impl Patroni {
    pub fn of(server: &Arc<Postgres>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let is_over = Arc::new(AtomicBool::new(false));
        let (over, server) = (Arc::clone(&is_over), Arc::clone(server));
        std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                if over.load(Ordering::Acquire) {
                    return;
                }
                let server = Arc::clone(&server);
                std::thread::spawn(move || answer(connection, &server));
            }
        });
        Self { address, is_over }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

fn answer(mut connection: TcpStream, server: &Postgres) {
    let mut head = [0; 1024];
    let length = connection.read(&mut head).unwrap_or(0);
    if length == 0 {
        return; // A look whether the port is open.
    }
    let asked = String::from_utf8_lossy(&head[..length]);
    assert!(asked.starts_with("OPTIONS /primary HTTP/1"), "{asked}");
    let status = if server.is_primary() {
        "200 OK"
    } else {
        "503 Service Unavailable"
    };
    let reply = format!("HTTP/1.0 {status}\r\nContent-Length: 0\r\n\r\n");
    // The asker may have given up.
    connection.write_all(reply.as_bytes()).ok();
}

impl Drop for Patroni {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        // Wakes the thread that accepts.
        TcpStream::connect(self.address).ok();
    }
}

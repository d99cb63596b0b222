//! A server that accepts connections and then goes silent, as a frozen machine does.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Listens until it is dropped.
#[derive(Debug)]
pub struct Mute {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
}

impl Mute {
    /// Answers the first words of each connection with these bytes, and nothing after them.
    pub fn after(said: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        std::thread::spawn(move || {
            // They stay open.
            let mut connections = Vec::new();
            for connection in listener.incoming() {
                if over.load(Ordering::Acquire) {
                    return;
                }
                let Ok(mut connection) = connection else {
                    continue;
                };
                if connection.read(&mut [0; 512]).is_ok() {
                    // The client may have hung up.
                    connection.write_all(said).ok();
                    connections.push(connection);
                }
            }
        });
        Self { address, is_over }
    }

    /// `ADDRESS:PORT`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for Mute {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        // Wakes the thread that accepts.
        TcpStream::connect(self.address).ok();
    }
}

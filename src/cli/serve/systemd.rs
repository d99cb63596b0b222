//! Tells the system's service manager how far the service is: the protocol of `sd_notify`, one datagram a
//! state, <https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html>. Without `NOTIFY_SOCKET`
//! nothing is sent.

use std::ffi::{OsStr, OsString};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// What the manager is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum State {
    /// Both listeners answer, by the config that was read last.
    Ready,
    /// The config is being read again.
    Reloading,
    /// Requests under way are being finished.
    Stopping,
}

/// Tells it where `NOTIFY_SOCKET` is set.
pub(in crate::cli) fn tell(state: State) {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let text = match state {
        State::Ready => "READY=1",
        State::Reloading => "RELOADING=1",
        State::Stopping => "STOPPING=1",
    };
    if let Err(error) = send(&socket, text) {
        tracing::warn!(%error, text, "the service manager could not be told");
    }
}

fn send(socket: &OsString, text: &str) -> std::io::Result<()> {
    let name = OsStr::as_bytes(socket);
    let address = match name.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(text.as_bytes(), &address)?;
    Ok(())
}

//! What the process is told by signals. None of those that people and tools send by habit ends it at once.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Every signal that is listened to.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    hang_up: Signal,
    user_1: Signal,
    user_2: Signal,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// An orderly end.
    Stop,
    /// The config is to be read again.
    Reload,
}

impl Signals {
    /// Takes them over from the system's default, which would end the process at once.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hang_up: signal(SignalKind::hangup())?,
            user_1: signal(SignalKind::user_defined1())?,
            user_2: signal(SignalKind::user_defined2())?,
        })
    }

    /// Ready at the next one that asks for something.
    pub async fn next(&mut self) -> Told {
        loop {
            let ignored = tokio::select! {
                _ = self.terminate.recv() => return Told::Stop,
                _ = self.interrupt.recv() => return Told::Stop,
                _ = self.quit.recv() => return Told::Stop,
                _ = self.hang_up.recv() => return Told::Reload,
                _ = self.user_1.recv() => "SIGUSR1",
                _ = self.user_2.recv() => "SIGUSR2",
            };
            tracing::info!(
                signal = ignored,
                "a signal that means nothing here is ignored"
            );
        }
    }

    /// Ready at the next one that asks for an end.
    pub async fn stop(&mut self) {
        while self.next().await != Told::Stop {}
    }
}

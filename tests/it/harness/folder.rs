//! A folder of its own for each test, gone when the test is over.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Numbers the folders of this process.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A temporary folder, removed on drop.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Makes an empty folder under the system's temporary one.
    pub fn new() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("refund-receiver-it-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("the temporary folder can be made");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes one file and returns its full path.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).expect("a test file can be written");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that cannot be removed is litter, not a failure of the test.
        std::fs::remove_dir_all(&self.0).ok();
    }
}

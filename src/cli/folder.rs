//! The folder of a command's files; a temporary one is removed at the end.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::domain::time::{Clock as _, SystemClock};

/// Makes a folder that its owner alone can enter: secrets of the command lie in it.
pub(super) fn make(path: &Path, with_those_above: bool) -> std::io::Result<()> {
    DirBuilder::new()
        .recursive(with_those_above)
        .mode(0o700)
        .create(path)
}

/// Where config, keys and data lie.
pub struct Folder {
    path: PathBuf,
    is_temporary: bool,
}

impl Folder {
    /// A folder that stays; one with an earlier demo in it is rejected.
    pub fn kept(path: &Path) -> anyhow::Result<Self> {
        make(path, true).with_context(|| format!("cannot make {}", path.display()))?;
        let is_used = path.join("refunds.db").exists();
        anyhow::ensure!(
            !is_used,
            "{} holds an earlier demo; remove it or choose another folder",
            path.display()
        );
        Ok(Self {
            path: path.to_owned(),
            is_temporary: false,
        })
    }

    /// A new one below the system's temporary folder.
    pub fn temporary(command: &str) -> anyhow::Result<Self> {
        let name = format!(
            "refund-receiver-{command}-{}",
            SystemClock.new_uuid().simple()
        );
        let path = std::env::temp_dir().join(name);
        make(&path, false).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self {
            path,
            is_temporary: true,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes one file and gives its path.
    pub fn write(&self, name: &str, text: &str) -> anyhow::Result<PathBuf> {
        let path = self.path.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.is_temporary
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            tracing::warn!(%error, path = %self.path.display(), "a temporary folder stays");
        }
    }
}

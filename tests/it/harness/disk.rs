//! Disks of a test's own: a file system in a file whose unsynced part a power cut takes away, and one
//! in memory that can be filled. Mounting needs root and loop devices.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::folder::Folder;

/// Waives the tests that need to mount, where that is impossible.
pub const WAIVER: &str = "REFUND_RECEIVER_TEST_WITHOUT_LOOP";
/// Size of the file system in a file; the WAL alone takes 20 MiB.
const IMAGE_BYTES: u64 = 64 * 1024 * 1024;
/// The kernel writes nothing by itself for this time, so that only what was synced is on the disk.
const NO_COMMIT: &str = "commit=300";

/// Whether this machine lets a test mount. Where it does not, that is a failure unless it is waived.
pub fn can_mount() -> bool {
    let tried = Mounted::tmpfs("1m");
    let Err(why) = tried else {
        return true;
    };
    assert!(
        std::env::var_os(WAIVER).is_some_and(|value| value == "1"),
        "this test mounts file systems and cannot here ({why}). Run it as root on a machine with loop \
         devices; {WAIVER}=1 waives it, and with it the proof that a power cut loses nothing"
    );
    super::server::report(&format!("NOT TESTED, since {WAIVER}=1: {why}"));
    false
}

/// A mounted file system, unmounted when dropped.
#[derive(Debug)]
pub struct Mounted {
    at: PathBuf,
    /// Owns the folder in which it is mounted, unless the test does.
    keeps: Option<Folder>,
}

impl Mounted {
    /// A file system in memory of this size, such as `8m`.
    pub fn tmpfs(size: &str) -> Result<Self, String> {
        let folder = Folder::new();
        let size = format!("size={size}");
        let arguments = ["-t", "tmpfs", "-o", &size, "tmpfs"];
        let mut mounted = Self::mount(&folder.path().join("disk"), &arguments)?;
        mounted.keeps = Some(folder);
        Ok(mounted)
    }

    /// The ext4 file system in this file.
    fn image(image: &Path, at: &Path) -> Result<Self, String> {
        let options = format!("loop,{NO_COMMIT}");
        let image = image.to_str().expect("our own path");
        Self::mount(at, &["-t", "ext4", "-o", &options, image])
    }

    fn mount(at: &Path, arguments: &[&str]) -> Result<Self, String> {
        std::fs::create_dir_all(at).expect("a folder can be made");
        run(Command::new("mount").args(arguments).arg(at))?;
        Ok(Self {
            at: at.to_owned(),
            keeps: None,
        })
    }

    /// Makes it read-only or not; nothing may have a file open for writing.
    pub fn make_read_only(&self, read_only: bool) {
        let option = if read_only {
            "remount,ro"
        } else {
            "remount,rw"
        };
        let mut remount = Command::new("mount");
        run(remount.args(["-o", option]).arg(&self.at)).expect("it can be mounted again");
    }

    pub fn path(&self) -> &Path {
        &self.at
    }

    /// Fills it to the last byte with a file of this name; removing it gives the space back.
    pub fn fill(&self, name: &str) -> PathBuf {
        let path = self.at.join(name);
        let mut file = File::create(&path).expect("a file can be made");
        for size in [1 << 16, 1 << 12, 1] {
            while file.write_all(&vec![1; size]).is_ok() {}
        }
        path
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // The last resort takes it out of sight, and the kernel frees it with its last open file.
        if run(Command::new("umount").arg(&self.at)).is_err() {
            run(Command::new("umount").arg("--lazy").arg(&self.at)).ok();
        }
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    ))
}

/// A disk that can lose its power.
#[derive(Debug)]
pub struct Disk {
    /// `None` only while it is changed.
    mounted: Option<Mounted>,
    image: PathBuf,
    /// Last, so that it goes away when nothing is mounted in it any more.
    _folder: Folder,
}

impl Disk {
    /// Makes an empty one and mounts it.
    pub fn new() -> Self {
        let folder = Folder::new();
        let image = folder.path().join("disk.img");
        let file = File::create(&image).expect("an image can be made");
        file.set_len(IMAGE_BYTES).expect("an image can be made");
        run(Command::new("mkfs.ext4").arg("-q").arg(&image)).expect("an image can be formatted");
        let mounted = Mounted::image(&image, &folder.path().join("disk"));
        let mounted = mounted.expect("an image can be mounted (root, loop devices)");
        Self {
            mounted: Some(mounted),
            image,
            _folder: folder,
        }
    }

    pub fn path(&self) -> &Path {
        self.mounted
            .as_ref()
            .expect("always but in a change")
            .path()
    }

    /// What has reached the disk: the bytes behind the loop device, without a sync. No process
    /// may be writing; waits for the kernel's in-flight writes.
    pub fn what_reached_it(&self) -> Vec<u8> {
        let read = || std::fs::read(&self.image).expect("the image can be read");
        let mut before = read();
        super::wait_for("the disk to be at rest", || {
            let now = read();
            let at_rest = now == before;
            before = now;
            at_rest.then_some(())
        });
        before
    }

    /// The power failed when these bytes had reached it; it is mounted again at the same path.
    pub fn come_back_with(&mut self, reached: &[u8]) {
        let at = self.path().to_owned();
        self.mounted = None;
        std::fs::write(&self.image, reached).expect("the image can be written");
        self.mounted = Some(Mounted::image(&self.image, &at).expect("it was mounted before"));
    }
}

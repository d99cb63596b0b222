//! What becomes part of the program: `deny.toml` held by the tests themselves, because the tool it is
//! written for takes longer to build than the program. Licences, bans, floors and sources are the
//! tool's; its advisories need a database and are left to it (docs/security.md).

use std::path::PathBuf;
use std::process::Command;

use semver::{Version, VersionReq};
use serde::Deserialize;
use serde_json::Value;

/// The part of `deny.toml` that needs no database.
#[derive(Debug, Deserialize)]
struct Rules {
    licenses: Licenses,
    bans: Bans,
}

#[derive(Debug, Deserialize)]
struct Licenses {
    allow: Vec<String>,
    exceptions: Vec<Exception>,
}

#[derive(Debug, Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Debug, Deserialize)]
struct Ban {
    /// `NAME`, or `NAME:VERSIONS` for some versions only.
    #[serde(rename = "crate")]
    spec: String,
    reason: String,
    /// Packages that may depend on it all the same.
    #[serde(default)]
    wrappers: Vec<String>,
}

/// One package of `Cargo.lock`, for every platform.
#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    version: Version,
    source: Option<String>,
    checksum: Option<String>,
    /// Each is `NAME`, or `NAME VERSION` where several versions are locked.
    #[serde(default)]
    dependencies: Vec<String>,
}

impl Package {
    fn depends_on(&self, name: &str) -> bool {
        let names = self.dependencies.iter().map(|with| with.split(' ').next());
        names.flatten().any(|dependency| dependency == name)
    }
}

fn read(file: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file);
    std::fs::read_to_string(path).expect("a file of the repository")
}

fn rules() -> Rules {
    toml::from_str(&read("deny.toml")).expect("deny.toml has its documented form")
}

fn locked() -> Vec<Package> {
    #[derive(Deserialize)]
    struct Lock {
        package: Vec<Package>,
    }
    let lock: Lock = toml::from_str(&read("Cargo.lock")).expect("cargo wrote it");
    lock.package
}

impl Ban {
    /// Whether it forbids this package.
    fn hits(&self, package: &Package) -> bool {
        let (name, versions) = self.spec.split_once(':').unwrap_or((&self.spec, "*"));
        let versions = VersionReq::parse(versions).expect("a range of versions");
        package.name == name && versions.matches(&package.version)
    }

    /// Why the package must not be there, if it must not.
    fn broken_by(&self, package: &Package, locked: &[Package]) -> Option<String> {
        if !self.hits(package) {
            return None;
        }
        let Package { name, version, .. } = package;
        let mut users = locked.iter().filter(|user| user.depends_on(name));
        let by = match users.find(|user| !self.wrappers.contains(&user.name)) {
            Some(user) => format!("a dependency of {}", user.name),
            None if self.wrappers.is_empty() => "banned".to_owned(),
            None => return None,
        };
        Some(format!(
            "{name} {version}, {by} ({}): {}",
            self.spec, self.reason
        ))
    }
}

#[test]
fn every_crate_comes_from_the_one_registry_and_is_known_by_its_digest() {
    let packages = locked();
    assert!(packages.len() > 100, "the lock file names what we use");
    let own: Vec<_> = packages
        .iter()
        .filter(|package| package.source.is_none())
        .map(|package| package.name.as_str())
        .collect();
    assert_eq!(own, ["refund-receiver"], "nothing comes from a folder");
    for package in &packages {
        let Some(source) = &package.source else {
            continue;
        };
        let is_registry = source.starts_with("registry+") && source.ends_with("/crates.io-index");
        assert!(is_registry, "{} comes from {source}", package.name);
        let digest = package.checksum.as_deref().unwrap_or_default();
        assert_eq!(digest.len(), 64, "{} has no SHA-256", package.name);
    }
}

#[test]
fn nothing_banned_and_nothing_below_its_floor_is_locked() {
    let (rules, locked) = (rules(), locked());
    let mut broken = Vec::new();
    for package in &locked {
        let bans = rules.bans.deny.iter();
        broken.extend(bans.filter_map(|ban| ban.broken_by(package, &locked)));
    }
    assert!(
        broken.is_empty(),
        "refused by deny.toml:\n{}",
        broken.join("\n")
    );
}

/// A package as `Cargo.lock` would name it.
fn package(name: &str, version: &str, dependencies: &[&str]) -> Package {
    Package {
        name: name.to_owned(),
        version: Version::parse(version).expect("a version"),
        source: None,
        checksum: None,
        dependencies: dependencies.iter().copied().map(str::to_owned).collect(),
    }
}

#[test]
fn a_crate_that_only_our_own_code_may_use_is_rejected_as_a_dependency_of_others() {
    let rules = rules();
    let unpacks = package("flate2", "1.1.0", &[]);
    let is_broken = |users: Vec<Package>| {
        let mut bans = rules.bans.deny.iter();
        bans.find_map(|ban| ban.broken_by(&unpacks, &users))
    };
    let own = || package("refund-receiver", "1.0.0", &["actix-http", "flate2 1.1.0"]);
    assert_eq!(is_broken(vec![own()]), None);
    let other = package("actix-http", "3.18.11", &["flate2"]);
    let why = is_broken(vec![own(), other]).expect("it is rejected");
    assert!(why.contains("a dependency of actix-http"), "{why}");
}

#[test]
fn a_ban_hits_what_it_names_and_nothing_else() {
    let hit = |package: &Package| rules().bans.deny.iter().any(|ban| ban.hits(package));
    for (name, version) in [
        ("h2", "0.3.27"),
        ("actix-http", "3.18.10"),
        ("openssl", "0.10.80"),
        ("rand", "0.9.2"),
    ] {
        assert!(hit(&package(name, version, &[])), "{name} {version}");
    }
    for (name, version) in [
        ("h2", "0.4.16"),
        ("actix-http", "3.18.11"),
        ("rand", "0.8.6"),
        ("serde", "1.0.0"),
    ] {
        assert!(!hit(&package(name, version, &[])), "{name} {version}");
    }
}

#[test]
fn the_bundled_sqlite_has_the_fix_of_its_log() {
    assert!(
        rusqlite::version_number() >= 3_051_003,
        "{}",
        rusqlite::version()
    );
}

/// Every package that is compiled for this platform, tests included, as cargo describes it.
fn compiled() -> Vec<Value> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let platform = Command::new("rustc")
        .arg("-vV")
        .output()
        .expect("rustc runs");
    let platform = String::from_utf8(platform.stdout).expect("text");
    let host = platform
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .expect("rustc names its host");
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(["--filter-platform", host])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "cargo metadata: {said}");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let used: Vec<_> = metadata["resolve"]["nodes"]
        .as_array()
        .expect("a list of nodes")
        .iter()
        .map(|node| node["id"].clone())
        .collect();
    let packages = metadata["packages"].as_array().expect("a list").iter();
    packages
        .filter(|package| used.contains(&package["id"]))
        .cloned()
        .collect()
}

#[test]
fn every_licence_is_one_that_we_may_ship() {
    let licenses = rules().licenses;
    let packages = compiled();
    assert!(packages.len() > 100, "cargo names what is compiled");
    let mut broken = Vec::new();
    for package in &packages {
        let name = package["name"].as_str().expect("a name");
        let Some(said) = package["license"].as_str() else {
            broken.push(format!("{name} names no licence"));
            continue;
        };
        let more = licenses
            .exceptions
            .iter()
            .filter(|exception| exception.name == name);
        let more = more.flat_map(|exception| &exception.allow);
        let allowed: Vec<_> = licenses.allow.iter().chain(more).collect();
        let is_allowed = spdx::Expression::parse_mode(said, spdx::ParseMode::LAX)
            .expect("an SPDX expression")
            .evaluate(|wanted| allowed.iter().any(|one| **one == wanted.to_string()));
        if !is_allowed {
            broken.push(format!("{name} is under {said}"));
        }
    }
    assert!(
        broken.is_empty(),
        "not allowed by deny.toml:\n{}",
        broken.join("\n")
    );
}

//! TLS between the service and its database: whose certificate is accepted, by `sslmode`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, OnceLock};

use crate::harness::config::check_file;
use crate::harness::folder::Folder;
use crate::harness::payermax::Notice;
use crate::harness::postgres::Database;
use crate::harness::{ConfigBuilder, Engine, Postgres, Server};

fn openssl(folder: &Path, arguments: &[&str]) {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("openssl is installed (apt-get install openssl)");
    assert!(output.status.success(), "{output:?}");
}

/// A server whose certificate, for `localhost` alone, is signed by the root `ca.pem` in the folder.
fn encrypted() -> &'static (Folder, Arc<Postgres>) {
    static SERVER: OnceLock<(Folder, Arc<Postgres>)> = OnceLock::new();
    SERVER.get_or_init(|| {
        let folder = Folder::new();
        let path = folder.path();
        let new_key = ["-newkey", "rsa:2048", "-nodes", "-keyout"];
        let root = [&["req", "-x509"], &new_key[..], &["ca.key", "-out", "ca.pem", "-subj", "/CN=root"]];
        openssl(path, &root.concat());
        let request = [&["req"], &new_key[..], &["server.key", "-out", "server.csr", "-subj", "/CN=localhost"]];
        openssl(path, &request.concat());
        folder.write("names", "subjectAltName=DNS:localhost\n");
        let sign = "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -extfile names";
        openssl(path, &sign.split(' ').collect::<Vec<_>>());
        certify(path, "certified", "ca", "");
        folder.write("version-3", "basicConstraints=CA:FALSE\n");
        certify(path, "paired", "ca", " -extfile version-3");
        let other = [&["req", "-x509"], &new_key[..], &["other.key", "-out", "other.pem", "-subj", "/CN=other"]];
        openssl(path, &other.concat());
        certify(path, "stranger", "other", "");
        let postgres = Postgres::own(&[]);
        // The server accepts its key only if no other user can read it.
        let directory: String = postgres.query("SHOW data_directory")[0].get(0);
        for file in ["server.key", "server.pem", "ca.pem"] {
            let inside = Path::new(&directory).join(file);
            std::fs::copy(path.join(file), &inside).expect("our own server's folder");
            let reference = format!("--reference={directory}/PG_VERSION");
            for program in ["chown", "chmod"] {
                let done = Command::new(program).arg(&reference).arg(&inside).status();
                assert!(done.expect("it is installed").success(), "{program}");
            }
        }
        postgres.set("ssl_cert_file", "server.pem");
        postgres.set("ssl_key_file", "server.key");
        postgres.set("ssl_ca_file", "ca.pem");
        let rules = Path::new(&directory).join("pg_hba.conf");
        let usual = std::fs::read_to_string(&rules).expect("our own server's folder");
        let certified = "hostssl all certified all cert\nhost all certified all reject\n";
        std::fs::write(&rules, format!("{certified}{usual}")).expect("our own server's folder");
        postgres.set("ssl", "on");
        postgres.execute("CREATE ROLE certified LOGIN IN ROLE refunds");
        (folder, postgres)
    })
}

/// A key and a certificate for this name, signed by that root; of X.509's first version but for `more`.
fn certify(folder: &Path, name: &str, root: &str, more: &str) {
    for command in [
        format!("req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"),
        format!(
            "x509 -req -in {name}.csr -CA {root}.pem -CAkey {root}.key -CAcreateserial -out {name}.pem{more}"
        ),
    ] {
        openssl(folder, &command.split(' ').collect::<Vec<_>>());
    }
}

/// A database of one test: the role that creates its tables owns them.
fn database() -> Arc<Database> {
    encrypted().1.database()
}

/// A service that reaches its database at this host name and with these URL parameters.
fn reaching(database: &Arc<Database>, host: &str, parameters: &str) -> Server {
    let (_, postgres) = encrypted();
    at(
        database,
        &database.url_at(&format!("{host}:{}", postgres.port())),
        parameters,
    )
}

/// The same as the role that has to show a certificate.
fn reaching_certified(database: &Arc<Database>, parameters: &str) -> Server {
    let url = database.url_at(&format!("localhost:{}", encrypted().1.port()));
    let url = url.replace("://refunds@", "://certified@");
    at(database, &url, parameters)
}

fn at(database: &Arc<Database>, url: &str, parameters: &str) -> Server {
    let folder = encrypted().0.path();
    let parameters = parameters
        .replace("ROOT", &folder.join("ca.pem").display().to_string())
        .replace("FOLDER", &folder.display().to_string());
    let config = ConfigBuilder::bare(Engine::Sqlite)
        .usual_accounts()
        .on(database)
        .variable("REFUND_RECEIVER__STORE__URL", &format!("{url}{parameters}"));
    Server::stopped(&config)
}

#[test]
fn a_certificate_that_its_root_signed_for_this_name_is_believed() {
    let database = database();
    for parameters in [
        "?sslmode=verify-full&sslrootcert=ROOT",
        "?sslmode=require",
        "",
    ] {
        let mut server = reaching(&database, "localhost", parameters);
        server.restart();
        server.notified(&Notice::new("R-tls", "REFUND_SUCCESS"));
        let plain = database.query(
            "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
             WHERE datname = current_database() AND application_name = 'refund-receiver' AND NOT ssl",
        )[0]
        .get::<_, i64>(0);
        assert_eq!(plain, 0, "{parameters}: every connection is encrypted");
        assert_eq!(server.terminate().code(), Some(0));
    }
}

#[test]
fn another_name_and_an_unknown_root_are_refused() {
    let database = database();
    for (host, parameters, why) in [
        (
            "127.0.0.1",
            "?sslmode=verify-full&sslrootcert=ROOT",
            "not valid for name",
        ),
        ("localhost", "?sslmode=verify-full", "UnknownIssuer"),
    ] {
        let said = reaching(&database, host, parameters).refused_start();
        assert!(said.contains(why), "{host}{parameters}: {said}");
    }
}

#[test]
fn verify_ca_believes_its_root_whatever_the_name() {
    let database = database();
    for host in ["localhost", "127.0.0.1"] {
        let mut server = reaching(&database, host, "?sslmode=verify-ca&sslrootcert=ROOT");
        server.restart();
        server.notified(&Notice::new("R-ca", "REFUND_SUCCESS"));
        assert_eq!(server.terminate().code(), Some(0));
    }
    let other = "?sslmode=verify-ca&sslrootcert=FOLDER/other.pem";
    let said = reaching(&database, "localhost", other).refused_start();
    assert!(said.contains("UnknownIssuer"), "{said}");
}

#[test]
fn a_client_certificate_is_shown_to_a_server_that_asks_for_one() {
    let database = database();
    let shown = |name: &str| {
        format!(
            "?sslmode=verify-full&sslrootcert=ROOT&sslcert=FOLDER/{name}.pem&sslkey=FOLDER/{name}.key"
        )
    };
    let mut server = reaching_certified(&database, &shown("certified"));
    server.restart();
    server.notified(&Notice::new("R-certified", "REFUND_SUCCESS"));
    let known: i64 = database.query(
        "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
         WHERE usename = 'certified' AND client_dn = '/CN=certified'",
    )[0]
    .get(0);
    assert!(known > 0, "connections are known by their certificate");
    assert_eq!(server.terminate().code(), Some(0));

    let without = "?sslmode=verify-full&sslrootcert=ROOT";
    for (parameters, why) in [(without, "certificate"), (&shown("stranger"), "UnknownCA")] {
        let said = reaching_certified(&database, parameters).refused_start();
        assert!(said.contains(why), "{parameters}: {said}");
    }
}

/// What `check-config` says of a store's URL, with its exit code.
fn checked(url: &str) -> (Option<i32>, String) {
    let (folder, _) = encrypted();
    let here = Folder::new();
    let url = url.replace("FOLDER", &folder.path().display().to_string());
    let config = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\ninternal_listen = \"127.0.0.1:0\"\n[store]\nurl = \"{url}\"\n"
    );
    let output = check_file(&here.write("refunds.toml", config), &[]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

#[test]
fn what_a_url_asks_for_is_done_or_named() {
    let (folder, _) = encrypted();
    let open = folder.write(
        "open.key",
        std::fs::read(folder.path().join("certified.key")).expect("made"),
    );
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o644)).expect("our own file");
    let pem = "sslcert=FOLDER/certified.pem";
    for (parameters, words) in [
        ("sslmode=verify-ca".to_owned(), "sslrootcert=FILE"),
        (
            "sslmode=verify-ca&sslrootcert=system".to_owned(),
            "sslrootcert=FILE",
        ),
        (
            "sslmode=require&sslrootcert=FOLDER/ca.pem".to_owned(),
            "verify-ca",
        ),
        (format!("sslmode=require&{pem}"), "sslcert without sslkey"),
        (
            "sslmode=require&sslkey=FOLDER/certified.key".to_owned(),
            "sslkey without sslcert",
        ),
        (
            format!("sslmode=disable&{pem}&sslkey=FOLDER/certified.key"),
            "sslmode=disable",
        ),
        (
            format!("sslmode=require&{pem}&sslkey=FOLDER/open.key"),
            "chmod 600",
        ),
        (
            format!("sslmode=require&{pem}&sslkey=FOLDER/ca.pem"),
            "sslkey",
        ),
        (
            format!("sslmode=require&{pem}&sslkey=FOLDER/missing.key"),
            "sslkey",
        ),
        (
            format!("sslmode=require&{pem}&sslkey=FOLDER/server.key")
                .replace("certified.pem", "paired.pem"),
            "do not fit",
        ),
        ("sslmode=require&sslpassword=x".to_owned(), "sslpassword"),
        (
            "sslmode=require&gssencmode=disable".to_owned(),
            "gssencmode",
        ),
        (
            "sslmode=require&target_session_attrs=standby".to_owned(),
            "target_session_attrs",
        ),
        ("sslmode=verify".to_owned(), "verify-ca"),
    ] {
        let (code, said) = checked(&format!("postgres://u:WORD@h/db?{parameters}"));
        assert_eq!(code, Some(2), "{parameters}: {said}");
        let is_named = said.contains("store.url") && said.contains(words);
        assert!(is_named && !said.contains("WORD"), "{parameters}: {said}");
    }
    let (code, said) =
        checked("postgres://u:p@h/db?sslmode=disable&application_name=rr-one&connect_timeout=20");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("connect_timeout has no effect"), "{said}");
    assert!(!said.contains("application_name"), "{said}");
    let escaped = "postgres://u@h/db?sslmode=verify-ca&sslrootcert=FOLDER%2Fca.pem";
    assert_eq!(checked(escaped).0, Some(0), "as libpq reads it");
    let (code, said) = checked("sqlite:q.db?mode=rwc");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("options behind a ?"), "{said}");
}

#[test]
fn connections_have_the_name_that_the_url_gives_them() {
    let database = database();
    for (parameters, name) in [
        ("", "refund-receiver"),
        ("?application_name=rr-one", "rr-one"),
    ] {
        let mut server = reaching(&database, "localhost", parameters);
        server.restart();
        server.notified(&Notice::new("R-named", "REFUND_SUCCESS"));
        let named: i64 = database.query(&format!(
            "SELECT count(*) FROM pg_stat_activity
             WHERE application_name = '{name}' AND datname = current_database()"
        ))[0]
            .get(0);
        assert!(named > 0, "{parameters}");
        assert_eq!(server.terminate().code(), Some(0));
    }
}

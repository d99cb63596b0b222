//! TLS between the service and its database: whose certificate is believed, by `sslmode`.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, OnceLock};

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
fn encrypted() -> &'static (Folder, Arc<Database>) {
    static SERVER: OnceLock<(Folder, Arc<Database>)> = OnceLock::new();
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
        let postgres = Postgres::own(&[]);
        // The server reads its key only where nobody else can.
        let directory: String = postgres.query("SHOW data_directory")[0].get(0);
        for file in ["server.key", "server.pem"] {
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
        postgres.set("ssl", "on");
        let database = postgres.database();
        (folder, database)
    })
}

/// A service that reaches the server by this name and with these parameters.
fn reaching(host: &str, parameters: &str) -> Server {
    let (folder, database) = encrypted();
    let port = database
        .url()
        .rsplit_once(':')
        .expect("a port")
        .1
        .to_owned();
    let port = port
        .split('/')
        .next()
        .expect("before the database")
        .to_owned();
    let url = database.url_at(&format!("{host}:{port}"));
    let parameters =
        parameters.replace("ROOT", &folder.path().join("ca.pem").display().to_string());
    let config = ConfigBuilder::bare(Engine::Sqlite)
        .usual_accounts()
        .on(database)
        .variable("REFUND_RECEIVER__STORE__URL", &format!("{url}{parameters}"));
    Server::stopped(&config)
}

#[test]
fn a_certificate_that_its_root_signed_for_this_name_is_believed() {
    for parameters in [
        "?sslmode=verify-full&sslrootcert=ROOT",
        "?sslmode=require",
        "",
    ] {
        let mut server = reaching("localhost", parameters);
        server.restart();
        server.notified(&Notice::new("R-tls", "REFUND_SUCCESS"));
        let database = &encrypted().1;
        let plain = database.query(
            "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
             WHERE application_name = 'refund-receiver' AND NOT ssl",
        )[0]
        .get::<_, i64>(0);
        assert_eq!(plain, 0, "{parameters}: every connection is encrypted");
        assert_eq!(server.terminate().code(), Some(0));
    }
}

#[test]
fn another_name_and_an_unknown_root_are_refused() {
    for (host, parameters, why) in [
        (
            "127.0.0.1",
            "?sslmode=verify-full&sslrootcert=ROOT",
            "not valid for name",
        ),
        ("localhost", "?sslmode=verify-full", "UnknownIssuer"),
    ] {
        let said = reaching(host, parameters).refused_start();
        assert!(said.contains(why), "{host}{parameters}: {said}");
    }
}

//! A provider of a test's own, that answers as the test says. Each call has a thread, so one can be held while others
//! are answered. With TLS it asks for the client's certificate.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use super::config::ConfigBuilder;
use super::keys::sha256_hex;
use super::sandbox::{CALLER, CALLER_TOKEN};
use super::{DEADLINE, Engine, run};

/// A call as it came.
#[derive(Clone, Debug)]
pub struct Call {
    pub path: String,
    pub body: String,
    /// Which of this path, from 1.
    pub nth: usize,
}

/// Holds calls until it is opened.
#[derive(Debug, Default)]
pub struct Gate(Mutex<bool>, Condvar);

impl Gate {
    pub fn open(&self) {
        *self.0.lock().expect("no panic") = true;
        self.1.notify_all();
    }

    /// Returns once it is open, or after a test that failed.
    pub fn wait(&self) {
        let shut = self.0.lock().expect("no panic");
        let waited = self.1.wait_timeout_while(shut, DEADLINE, |open| !*open);
        drop(waited.expect("no panic"));
    }
}

/// Listens until it is dropped.
#[derive(Debug)]
pub struct Provider {
    address: SocketAddr,
    calls: Arc<Mutex<Vec<Call>>>,
    errors: Arc<Mutex<Vec<String>>>,
    is_over: Arc<AtomicBool>,
}

impl Provider {
    /// Answers each call with a status and a body of JSON.
    pub fn start(answer: impl Fn(&Call) -> (u16, String) + Send + Sync + 'static) -> Self {
        Self::with(answer, |stream| stream)
    }

    /// The same, with something between it and the connection.
    pub fn with<S: Read + Write>(
        answer: impl Fn(&Call) -> (u16, String) + Send + Sync + 'static,
        wrap: impl Fn(TcpStream) -> S + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let provider = Self {
            address: listener.local_addr().expect("it is bound"),
            calls: Arc::default(),
            errors: Arc::default(),
            is_over: Arc::default(),
        };
        let (calls, is_over) = (Arc::clone(&provider.calls), Arc::clone(&provider.is_over));
        let errors = Arc::clone(&provider.errors);
        let (answer, wrap) = (Arc::new(answer), Arc::new(wrap));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                let (calls, answer, wrap) =
                    (Arc::clone(&calls), Arc::clone(&answer), Arc::clone(&wrap));
                let errors = Arc::clone(&errors);
                std::thread::spawn(move || {
                    // A client may hang up, or prove nothing.
                    if let Err(error) = serve(wrap(stream), &calls, answer.as_ref()) {
                        errors.lock().expect("no panic").push(error.to_string());
                    }
                });
            }
        });
        provider
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Why connections ended without an answer.
    pub fn errors(&self) -> Vec<String> {
        self.errors.lock().expect("no panic").clone()
    }

    /// How often this path was called.
    pub fn count(&self, path: &str) -> usize {
        let calls = self.calls.lock().expect("no panic");
        calls.iter().filter(|call| call.path == path).count()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        TcpStream::connect(self.address).ok();
    }
}

/// Reads one request, and answers it.
fn serve<S: Read + Write>(
    stream: S,
    calls: &Mutex<Vec<Call>>,
    answer: &(impl Fn(&Call) -> (u16, String) + ?Sized),
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let call = {
        let mut calls = calls.lock().expect("no panic");
        let before = calls.iter().filter(|call| call.path == path).count();
        calls.push(Call {
            path,
            body: String::from_utf8_lossy(&body).into_owned(),
            nth: before + 1,
        });
        calls[calls.len() - 1].clone()
    };
    let (status, body) = answer(&call);
    let stream = stream.get_mut();
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    stream.flush()
}

/// `QuickPay`'s reply that this refund of 10.00 is made.
pub fn refunded(refund_no: &str) -> String {
    format!(
        r#"{{"code":"SUCCESS","msg":"","data":{{"transaction_status":"REFUNDED","refund_amount":1000,"order_no":"P{refund_no}","refund_order_no":"{refund_no}"}}}}"#
    )
}

/// A service with the account `quickpay/store-1` that sends to this address; `more` are members of its `api`.
pub fn quickpay(engine: Engine, base_url: &str, more: &str) -> ConfigBuilder {
    ConfigBuilder::bare(engine).toml(&format!(
        "[[accounts]]\nprovider = \"quickpay\"\naccount = \"store-1\"\n[accounts.api]\nbase_url = \"{base_url}\"\n\
         store_no = \"S02\"\noperator = \"op-1\"\ntimetable = [\"1h\"]\n{more}\n\n\
         {CALLER}token_sha256 = \"{}\"\n",
        sha256_hex(CALLER_TOKEN)
    ))
}

/// Makes a certificate for a name that vouches for itself: `NAME.pem` and `NAME.key`, for no other user.
pub fn certificate(folder: &Path, name: &str, host: &str) {
    run(Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-nodes", "-days", "2", "-subj", &format!("/CN={host}")])
        .args(["-addext", &format!("subjectAltName=DNS:{host}")])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args([
            "-keyout",
            &format!("{name}.key"),
            "-out",
            &format!("{name}.pem"),
        ])
        .current_dir(folder));
}

/// A TLS server that shows the first certificate of a folder, and asks for the second one.
pub fn asking_for_certificate(folder: &Path, own: &str, client: &str) -> Arc<rustls::ServerConfig> {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};

    let read = |name: &str| CertificateDer::from_pem_file(folder.join(format!("{name}.pem")));
    let key = PrivateKeyDer::from_pem_file(folder.join(format!("{own}.key"))).expect("a key");
    let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(read(client).expect("a certificate"))
        .expect("it can be a root");
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
        Arc::new(roots),
        Arc::clone(&crypto),
    );
    let config = rustls::ServerConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()
        .expect("its versions")
        .with_client_cert_verifier(verifier.build().expect("it has a root"))
        .with_single_cert(vec![read(own).expect("a certificate")], key)
        .expect("the key belongs to the certificate");
    Arc::new(config)
}

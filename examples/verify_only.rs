//! The baseline of every figure of callbacks: the same framework, the same parsing of the config and the
//! same verification, the provider's acknowledgement, and nothing stored. For measuring, never for
//! serving: what it acknowledges is lost.
//!
//! ```sh
//! cargo run --release --example verify_only -- refunds.toml
//! ```

use std::io::Write as _;
use std::path::Path;

use actix_web::web::{self, Bytes, Data, PayloadConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt};
use anyhow::{Context as _, anyhow};
use refund_receiver::config::Config;
use refund_receiver::domain::time::{Clock as _, SystemClock};
use refund_receiver::providers::{Arrival, Registry, Request};

/// Largest body that is read, as in the service.
const BODY_BYTES_MAX: usize = 64 * 1024;

fn main() -> anyhow::Result<()> {
    let path = std::env::args()
        .nth(1)
        .context("usage: verify_only CONFIG")?;
    let now = SystemClock
        .now()
        .to_timestamp()
        .context("the clock is out of range")?;
    let config = Config::load(Path::new(&path), std::env::vars(), now)
        .map_err(|problems| anyhow!("{path}: {problems:?}"))?;
    let registry = Data::new(config.registry);
    rt::System::new().block_on(async move {
        let server = HttpServer::new(move || {
            App::new()
                .app_data(registry.clone())
                .app_data(PayloadConfig::new(BODY_BYTES_MAX))
                // As the service does it: a pattern would be matched by a regular expression.
                .service(web::scope("/callbacks").default_service(web::to(verify)))
        })
        .workers(std::thread::available_parallelism()?.get())
        .bind(config.listen)?;
        let address = server.addrs()[0];
        writeln!(std::io::stdout(), "listening public http://{address}")?;
        server.run().await?;
        Ok(())
    })
}

async fn verify(registry: Data<Registry>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let path = request.path().trim_start_matches("/callbacks/");
    let Some((provider, account)) = path.split_once('/') else {
        return HttpResponse::NotFound().finish();
    };
    let header = |name: &str| request.headers().get(name)?.to_str().ok();
    let Some(now) = SystemClock.now().to_timestamp() else {
        return HttpResponse::InternalServerError().finish();
    };
    let asked = Request {
        header: &header,
        body: &body,
        now,
    };
    match registry.verify(provider, account, &Arrival::default(), &asked) {
        Ok((_, _, notice)) => HttpResponse::Ok()
            .content_type("application/json")
            .body(notice.acknowledgement),
        Err(_) => HttpResponse::Unauthorized().finish(),
    }
}

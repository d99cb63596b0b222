//! How the service itself is, and who is logged in to the console.

use actix_web::HttpResponse;
use askama::Template;

use crate::config::Scope;
use crate::console::frame::{Frame, Section};
use crate::console::language::text::Text;
use crate::console::language::when::When;
use crate::console::trouble::Trouble;
use crate::console::visit::{Visit, page};
use crate::http::App;
use crate::store::{Replication, Snapshot};

/// Sessions that are shown.
const SESSIONS_MAX: u32 = 50;

#[derive(Template)]
#[template(path = "health.html")]
struct HealthPage {
    frame: Frame,
    checks: Vec<Check>,
    not_applied: i64,
    oldest_not_applied: String,
    close_outs: (i64, i64),
    version: &'static str,
    server: String,
    sessions: Vec<SessionLine>,
    may_act: bool,
}

struct Check {
    label: Text,
    is_good: bool,
    detail: String,
}

struct SessionLine {
    name: String,
    begun: When,
    used: When,
    is_own: bool,
}

pub async fn show(visit: Visit) -> Result<HttpResponse, Trouble> {
    let read = |snapshot: &mut Snapshot<'_>| {
        Ok((
            snapshot.count_unapplied()?,
            snapshot.count_close_outs()?,
            snapshot.sessions(SESSIONS_MAX)?,
        ))
    };
    let ((not_applied, oldest), close_outs, sessions) = visit.read_list(read).await?;
    let frame = visit.frame(Section::Health);
    let sessions = sessions.into_iter().map(|row| SessionLine {
        begun: frame.when(row.created_at),
        used: frame.when(row.used_at),
        is_own: row.session_hash == visit.viewer.session_hash,
        name: row.name,
    });
    page(&HealthPage {
        checks: checks(&visit.app),
        not_applied,
        oldest_not_applied: oldest.map_or_else(String::new, |at| frame.when(at).ago),
        close_outs,
        version: env!("CARGO_PKG_VERSION"),
        server: visit
            .app
            .store
            .server()
            .map_or_else(String::new, |(server, _)| server),
        sessions: sessions.collect(),
        may_act: visit.viewer.may(Scope::Operate),
        frame,
    })
}

/// What the writers have noted; nothing here waits for the store.
fn checks(app: &App) -> Vec<Check> {
    let check = |label, trouble: Option<String>| Check {
        label,
        is_good: trouble.is_none(),
        detail: trouble.unwrap_or_default(),
    };
    let evidence = match &app.evidence {
        Some(evidence) => evidence.failure(),
        None => Some("off".to_owned()),
    };
    let delayed = app.store.applying_is_delayed();
    let mut checks = vec![
        check(Text::Accepting, app.store.trouble().map(str::to_owned)),
        check(Text::Applying, delayed.then(|| "delayed".to_owned())),
        check(Text::Evidence, evidence),
    ];
    match app.store.replication() {
        Replication::Unset => {}
        Replication::Synchronous => checks.push(check(Text::SecondMachine, None)),
        Replication::Lost => checks.push(check(Text::SecondMachine, Some("lost".to_owned()))),
    }
    checks
}

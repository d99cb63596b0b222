//! Acts on a request: ask the provider now, withdraw it, send the same number again.

use actix_web::HttpResponse;
use actix_web::web::Path;

use super::{ActPage, done, reason};
use crate::config::Scope;
use crate::console::access::session::Viewer;
use crate::console::form::Fields;
use crate::console::frame::Section;
use crate::console::language::text::Text;
use crate::console::pages::lines::number;
use crate::console::trouble::Trouble;
use crate::console::visit::{Visit, page};
use crate::domain::ids::RefundId;
use crate::domain::request::State;
use crate::http::internal::access::acts::{Act, note};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundAct {
    Ask,
    Cancel,
    Resend,
}

impl RefundAct {
    pub const ALL: [Self; 3] = [Self::Ask, Self::Cancel, Self::Resend];

    /// The last part of its address.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Cancel => "cancel",
            Self::Resend => "resend",
        }
    }

    pub const fn title(self) -> Text {
        match self {
            Self::Ask => Text::AskNow,
            Self::Cancel => Text::CancelRequest,
            Self::Resend => Text::Resend,
        }
    }

    const fn what(self) -> Text {
        match self {
            Self::Ask => Text::AskNowWhat,
            Self::Cancel => Text::CancelRequestWhat,
            Self::Resend => Text::ResendWhat,
        }
    }

    /// Scopes of which one is needed, as for the API's call.
    const fn scopes(self) -> &'static [Scope] {
        match self {
            Self::Ask => &[Scope::Operate, Scope::RefundsWrite],
            Self::Cancel => &[Scope::RefundsWrite],
            Self::Resend => &[Scope::Operate],
        }
    }

    /// Whether this user may do it.
    pub fn is_allowed(self, viewer: &Viewer) -> bool {
        self.scopes().iter().any(|scope| viewer.may(*scope))
    }

    /// Whether it makes sense in this state; what the state allows is decided when it is done.
    pub const fn fits(self, state: State) -> bool {
        match self {
            Self::Ask => state.is_open(),
            Self::Cancel => matches!(state, State::Queued),
            Self::Resend => matches!(state, State::Refused | State::Failed | State::Unknown),
        }
    }

    fn of(word: &str, viewer: &Viewer) -> Result<Self, Trouble> {
        let mut all = Self::ALL.into_iter();
        let act = all.find(|act| act.as_str() == word);
        let act = act.ok_or(Trouble::NotFound)?;
        match act.scopes() {
            [first, ..] if !act.is_allowed(viewer) => Err(Trouble::Forbidden(*first)),
            _ => Ok(act),
        }
    }
}

pub async fn ask(visit: Visit, path: Path<(String, String)>) -> Result<HttpResponse, Trouble> {
    let (id, act) = path.into_inner();
    let act = RefundAct::of(&act, &visit.viewer)?;
    let id: RefundId = id.parse().map_err(|_| Trouble::NotFound)?;
    let row = visit.read(move |snapshot| snapshot.refund(id)).await?;
    let row = row.ok_or(Trouble::NotFound)?;
    page(&ActPage {
        detail: String::new(),
        frame: visit.frame(Section::Refunds),
        title: act.title(),
        what: act.what(),
        about: number(&row.refund),
        action: format!("/console/refunds/{id}/{}", act.as_str()),
        back: format!("/console/refunds/{id}"),
        is_risky: act == RefundAct::Resend,
    })
}

pub async fn act(
    visit: Visit,
    path: Path<(String, String)>,
    fields: Fields,
) -> Result<HttpResponse, Trouble> {
    let (id, act) = path.into_inner();
    let act = RefundAct::of(&act, &visit.viewer)?;
    let id: RefundId = id.parse().map_err(|_| Trouble::NotFound)?;
    let reason = reason(&fields)?;
    let requests = &visit.app.requests;
    let (acted, noted, what) = match act {
        RefundAct::Ask => (
            requests.ask(id, Some(visit.actor())).await?,
            Act::RefundAsked,
            Text::AskedNow,
        ),
        RefundAct::Cancel => (
            requests.cancel(id, visit.actor()).await?,
            Act::RefundCanceled,
            Text::Canceled,
        ),
        RefundAct::Resend => (
            requests.resend(id, &reason, visit.actor()).await?,
            Act::RefundResent,
            Text::Resent,
        ),
    };
    let how = format!(
        "{} -> {}: {reason}",
        acted.before.as_str(),
        acted.after.as_str()
    );
    note(&visit.app, &visit.viewer.name, noted, &id.to_string(), &how);
    Ok(done(&format!("/console/refunds/{id}"), what))
}

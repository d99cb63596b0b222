//! Acts on a refund: ask the provider now, withdraw it, send the same number again, note what is known.

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
use crate::domain::trail::About;
use crate::http::internal::access::acts::{Act, note};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundAct {
    Ask,
    Cancel,
    Resend,
    Note,
}

impl RefundAct {
    pub const ALL: [Self; 4] = [Self::Ask, Self::Cancel, Self::Resend, Self::Note];

    /// The last part of its address.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Cancel => "cancel",
            Self::Resend => "resend",
            Self::Note => "note",
        }
    }

    pub const fn title(self) -> Text {
        match self {
            Self::Ask => Text::AskNow,
            Self::Cancel => Text::CancelRequest,
            Self::Resend => Text::Resend,
            Self::Note => Text::AddNote,
        }
    }

    pub(super) const fn what(self) -> Text {
        match self {
            Self::Ask => Text::AskNowWhat,
            Self::Cancel => Text::CancelRequestWhat,
            Self::Resend => Text::ResendWhat,
            Self::Note => Text::AddNoteWhat,
        }
    }

    /// Scopes of which one is needed, as for the API's call.
    const fn scopes(self) -> &'static [Scope] {
        match self {
            Self::Ask => &[Scope::Operate, Scope::RefundsWrite],
            Self::Cancel => &[Scope::RefundsWrite],
            Self::Resend | Self::Note => &[Scope::Operate],
        }
    }

    /// Whether this user may do it.
    pub fn is_allowed(self, viewer: &Viewer) -> bool {
        self.scopes().iter().any(|scope| viewer.may(*scope))
    }

    /// Whether it makes sense in this state of the request, if there is one; what the state allows is decided when
    /// it is done.
    pub fn fits(self, state: Option<State>) -> bool {
        match self {
            Self::Ask => state.is_some_and(State::is_open),
            Self::Cancel => state == Some(State::Queued),
            Self::Resend => state.is_some_and(|state| {
                matches!(state, State::Refused | State::Failed | State::Unknown)
            }),
            Self::Note => true,
        }
    }

    pub(super) fn of(word: &str, viewer: &Viewer) -> Result<Self, Trouble> {
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
    let what = perform(&visit, act, id, &reason(&fields)?).await?;
    Ok(done(&format!("/console/refunds/{id}"), what))
}

/// Does it, by the function behind the API's call; gives what was done.
pub(super) async fn perform(
    visit: &Visit,
    act: RefundAct,
    id: RefundId,
    reason: &str,
) -> Result<Text, Trouble> {
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
            requests.resend(id, reason, visit.actor()).await?,
            Act::RefundResent,
            Text::Resent,
        ),
        RefundAct::Note => {
            keep_note(visit, id, reason).await?;
            return Ok(Text::Noted);
        }
    };
    let how = format!(
        "{} -> {}: {reason}",
        acted.before.as_str(),
        acted.after.as_str()
    );
    note(&visit.app, &visit.viewer.name, noted, &id.to_string(), &how);
    Ok(what)
}

/// The note is its entry in the trail.
async fn keep_note(visit: &Visit, id: RefundId, text: &str) -> Result<(), Trouble> {
    let found = visit.read(move |snapshot| snapshot.refund(id)).await?;
    found.ok_or(Trouble::NotFound)?;
    let actor = visit.actor();
    let entry = actor.did(Act::RefundNoted, About::refund(id), visit.app.clock.now());
    let entry = entry.because(text);
    visit.app.store.write_act("keep a note", entry).await?;
    let about = id.to_string();
    note(
        &visit.app,
        &visit.viewer.name,
        Act::RefundNoted,
        &about,
        text,
    );
    Ok(())
}

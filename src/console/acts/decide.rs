//! Answers to open questions, a second person's word on them, and the try of a close-out by hand.

use actix_web::HttpResponse;
use actix_web::web::Path;
use askama::Template;

use super::{ActPage, done, reason};
use crate::console::form::Fields;
use crate::console::frame::{Frame, Section};
use crate::console::language::text::Text;
use crate::console::language::when::When;
use crate::console::language::words;
use crate::console::pages::lines::number;
use crate::console::trouble::Trouble;
use crate::console::visit::{Visit, page};
use crate::decisions::{DecideError, Decided, NewDecision, Opinion};
use crate::domain::claim::Reason;
use crate::domain::decision::{Decision, Ruling};
use crate::domain::ids::{CallbackId, DecisionId, RefundId};
use crate::domain::trail::Act;
use crate::http::internal::access::acts::note;

#[derive(Template)]
#[template(path = "decide.html")]
struct DecidePage {
    frame: Frame,
    number: String,
    back: String,
    action: String,
    question: &'static str,
    word: &'static str,
    callback_id: String,
    advice: &'static str,
    since: When,
    choices: Vec<Choice>,
    /// One of them is chosen already.
    is_chosen: bool,
}

/// A decision that the question takes.
struct Choice {
    word: &'static str,
    title: &'static str,
    what: &'static str,
    is_chosen: bool,
}

/// The decisions that a question takes; what only a callback can say needs one.
pub fn choices(
    question: Reason,
    callback_id: Option<CallbackId>,
) -> impl Iterator<Item = Decision> {
    let fits = move |one: &Decision| *one != Decision::Accept || callback_id.is_some();
    Decision::of_question(question).filter(fits)
}

pub async fn ask(visit: Visit, id: Path<String>) -> Result<HttpResponse, Trouble> {
    let id: RefundId = id.parse().map_err(|_| Trouble::NotFound)?;
    let query = visit.query();
    let question = query.with("question", Reason::from_word)?;
    let question = question.ok_or(Trouble::NotFound)?;
    let callback_id: Option<CallbackId> = query.parsed("callback")?;
    let chosen = query.with("decision", Decision::from_word)?;
    visit.app.intake.caught_up().await;
    let row = visit.read(move |snapshot| snapshot.refund(id)).await?;
    let row = row.ok_or(Trouble::NotFound)?;
    let mut open = row.refund.attention.iter();
    let open = open.find(|open| open.reason == question && open.callback_id == callback_id);
    let open = open.ok_or(Trouble::NotFound)?;
    let frame = visit.frame(Section::Refunds);
    let lang = frame.lang();
    let decisions: Vec<_> = choices(question, callback_id).collect();
    page(&DecidePage {
        number: number(&row.refund),
        back: format!("/console/refunds/{id}"),
        action: format!("/console/refunds/{id}/decide"),
        question: words::reason(lang, question),
        word: question.as_str(),
        callback_id: callback_id.map_or_else(String::new, |id| id.to_string()),
        advice: words::advice(lang, question),
        since: frame.when(open.since),
        is_chosen: chosen.is_some_and(|chosen| decisions.contains(&chosen)),
        choices: decisions
            .into_iter()
            .map(|decision| {
                let (title, what) = words::decision(lang, decision);
                Choice {
                    word: decision.as_str(),
                    title,
                    what,
                    is_chosen: chosen == Some(decision),
                }
            })
            .collect(),
        frame,
    })
}

pub async fn act(visit: Visit, id: Path<String>, fields: Fields) -> Result<HttpResponse, Trouble> {
    let refund_id: RefundId = id.parse().map_err(|_| Trouble::NotFound)?;
    let wrong = |name: &str| Trouble::Invalid(name.to_owned());
    let question = Reason::from_word(fields.get("question"));
    let decision = Decision::from_word(fields.get("decision"));
    let callback_id = match fields.get("callback_id") {
        "" => None,
        text => Some(text.parse().map_err(|_| wrong("callback_id"))?),
    };
    let ruling = Ruling {
        question: question.ok_or_else(|| wrong("question"))?,
        callback_id,
        decision: decision.ok_or_else(|| wrong("decision"))?,
    };
    let decided = visit.app.decisions.decide(NewDecision {
        refund_id,
        ruling,
        reason: reason(&fields)?,
        by: visit.actor(),
        key: None,
    });
    let decided = decided.await?;
    Ok(answer(&visit, refund_id, Act::RefundDecided, decided))
}

fn answer(visit: &Visit, id: RefundId, noted: Act, decided: Decided) -> HttpResponse {
    let place = format!("/console/refunds/{id}");
    let (what, how) = match decided {
        Decided::Done { record, .. } => (Text::Decided, record.ruling.decision.as_str()),
        Decided::Same { .. } => return done(&place, Text::Decided),
        Decided::Waits { proposal, .. } => (Text::DecisionWaits, proposal.ruling.decision.as_str()),
    };
    note(&visit.app, &visit.viewer.name, noted, &id.to_string(), how);
    done(&place, what)
}

/// The refund, the decision that waits, and the word of the address.
type OfDecision = Path<(String, String, String)>;

const APPROVE: &str = "approve";
const REJECT: &str = "reject";

fn place_of(place: &OfDecision) -> Result<(RefundId, DecisionId), Trouble> {
    let (id, decision, _) = &**place;
    let id = id.parse().map_err(|_| Trouble::NotFound)?;
    let decision = decision.parse().map_err(|_| Trouble::NotFound)?;
    Ok((id, decision))
}

pub async fn ask_second(visit: Visit, place: OfDecision) -> Result<HttpResponse, Trouble> {
    let (id, decision) = place_of(&place)?;
    let word = place.2.as_str();
    let (title, what) = match word {
        APPROVE => (Text::Approve, Text::ApproveWhat),
        REJECT => (Text::Reject, Text::RejectWhat),
        _ => return Err(Trouble::NotFound),
    };
    page(&ActPage {
        detail: String::new(),
        frame: visit.frame(Section::Refunds),
        title,
        what,
        about: id.to_string(),
        action: format!("/console/refunds/{id}/decisions/{decision}/{word}"),
        back: format!("/console/refunds/{id}"),
        is_risky: word == APPROVE,
    })
}

pub async fn second(
    visit: Visit,
    place: OfDecision,
    fields: Fields,
) -> Result<HttpResponse, Trouble> {
    let (refund_id, decision_id) = place_of(&place)?;
    let opinion = Opinion {
        refund_id,
        decision_id,
        reason: reason(&fields)?,
        by: visit.actor(),
    };
    match place.2.as_str() {
        APPROVE => {
            let decided = visit.app.decisions.approve(opinion).await?;
            Ok(answer(&visit, refund_id, Act::DecisionApproved, decided))
        }
        REJECT => {
            let (about, how) = (format!("{refund_id} {decision_id}"), opinion.reason.clone());
            visit.app.decisions.reject(opinion).await?;
            note(
                &visit.app,
                &visit.viewer.name,
                Act::DecisionRejected,
                &about,
                &how,
            );
            Ok(done(
                &format!("/console/refunds/{refund_id}"),
                Text::DecisionRejected,
            ))
        }
        _ => Err(Trouble::NotFound),
    }
}

pub async fn ask_close_out(visit: Visit, id: Path<String>) -> Result<HttpResponse, Trouble> {
    let id: RefundId = id.parse().map_err(|_| Trouble::NotFound)?;
    page(&ActPage {
        detail: String::new(),
        frame: visit.frame(Section::Orders),
        title: Text::TryCloseOut,
        what: Text::TryCloseOutWhat,
        about: id.to_string(),
        action: format!("/console/refunds/{id}/close-out"),
        back: format!("/console/refunds/{id}"),
        is_risky: false,
    })
}

pub async fn close_out(
    visit: Visit,
    id: Path<String>,
    fields: Fields,
) -> Result<HttpResponse, Trouble> {
    let id: RefundId = id.parse().map_err(|_| Trouble::NotFound)?;
    let reason = reason(&fields)?;
    let tried = visit
        .app
        .decisions
        .try_close_out(id, visit.actor(), reason.clone());
    tried.await?;
    note(
        &visit.app,
        &visit.viewer.name,
        Act::CloseOutTried,
        &id.to_string(),
        &reason,
    );
    Ok(done(&format!("/console/refunds/{id}"), Text::CloseOutTried))
}

impl From<DecideError> for Trouble {
    fn from(error: DecideError) -> Self {
        match error {
            DecideError::NoRefund | DecideError::NoProposal => Self::NotFound,
            DecideError::Store(error) => Self::Store(error),
            other => Self::Conflict(other.to_string()),
        }
    }
}

//! What a handler knows of the page that is asked for: who asks, in which language, and the application.

use std::borrow::Cow;
use std::future::{Ready, ready};
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::web::{self, Data};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, HttpResponse, ResponseError as _};
use askama::Template;

use super::frame::{Frame, Section, address};
use super::trouble::Trouble;
use crate::console::access::session::{Viewer, peer_text};
use crate::console::language::when::Clocked;
use crate::domain::trail::{About, Actor};
use crate::http::App;
use crate::http::internal::access::views;
use crate::http::server::connections::Slot;
use crate::store::{Snapshot, StoreError};

/// A request of a user who is logged in. Only the guard makes one.
#[derive(Clone)]
pub struct Visit {
    pub app: Data<App>,
    pub viewer: Viewer,
    pub clocked: Clocked,
    pub(super) request: HttpRequest,
}

impl FromRequest for Visit {
    type Error = Trouble;
    type Future = Ready<Result<Self, Trouble>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let visit = request.extensions().get::<Entered>().map(|entered| Self {
            app: entered.app.clone(),
            viewer: entered.viewer.clone(),
            clocked: entered.clocked,
            request: request.clone(),
        });
        ready(visit.ok_or(Trouble::StaleForm))
    }
}

/// What the guard leaves for [`Visit`].
pub struct Entered {
    pub app: Data<App>,
    pub viewer: Viewer,
    pub clocked: Clocked,
}

impl Visit {
    pub fn frame(&self, section: Section) -> Frame {
        let mut frame = Frame::of(
            &self.request,
            self.clocked,
            Some(&self.viewer),
            Some(section),
        );
        frame.has_sandbox = !self.app.requests.sandboxes().is_empty();
        frame
    }

    /// Who acts, for the trail.
    pub fn actor(&self) -> Actor {
        Actor {
            reader: self.viewer.name.clone(),
            token_id: self.viewer.token_id.clone(),
            from: peer_text(&self.request),
        }
    }

    /// Returns once the trail says that this user sees bodies of it; only then may they be shown.
    pub async fn note_view(&self, about: About) -> Result<(), Trouble> {
        Ok(views::note(&self.app, &self.actor(), about).await?)
    }

    /// The query of the address.
    pub fn query(&self) -> Query<'_> {
        Query(form_urlencoded::parse(self.request.query_string().as_bytes()).collect())
    }

    /// A query of the store that finds by an index.
    pub async fn read<T, F>(&self, query: F) -> Result<T, Trouble>
    where
        T: Send + 'static,
        F: FnOnce(&mut Snapshot<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        Ok(self.app.store.read(query).await?)
    }

    /// One that may look at many rows; it ends when the browser goes.
    pub async fn read_list<T, F>(&self, query: F) -> Result<T, Trouble>
    where
        T: Send + 'static,
        F: FnOnce(&mut Snapshot<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let found = self.app.store.read_list(&self.viewer.name, query);
        let found = Slot::unless_gone(&self.request, found).await;
        Ok(found.ok_or(Trouble::HungUp)??)
    }
}

/// Parameters of a page's address. What a page does not know is ignored: an old bookmark stays useful.
pub struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl Query<'_> {
    /// The value without white space around it; `None` where it is empty, as an unused field of a form is.
    pub fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found
            .map(|(_, value)| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// The address of a list with what of these parameters this one has, from a place on.
    pub fn narrowed(&self, path: &str, names: &[&str], cursor: Option<&str>) -> String {
        let given = names
            .iter()
            .filter_map(|name| Some((*name, self.text(name)?)));
        let all: Vec<_> = given
            .chain(cursor.map(|cursor| ("cursor", cursor)))
            .collect();
        address(path, &all)
    }

    /// The value as `T`.
    pub fn parsed<T: FromStr>(&self, name: &str) -> Result<Option<T>, Trouble> {
        self.with(name, |text| text.parse().ok())
    }

    /// The value by this function.
    pub fn with<T>(
        &self,
        name: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Trouble> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        // PostgreSQL takes no NUL, and no stored text has one.
        let value = Some(text).filter(|text| !text.contains(char::is_control));
        let value = value.and_then(read);
        value
            .map(Some)
            .ok_or_else(|| Trouble::Invalid(format!("{name} = {text}")))
    }
}

/// Reads a file, or computes, outside of the threads that answer.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Trouble> {
    let done = web::block(work).await;
    Ok(done.map_err(|_| StoreError::Closed)??)
}

/// The answer with this page.
pub fn page(template: &impl Template) -> Result<HttpResponse, Trouble> {
    let text = template.render().map_err(|_| Trouble::Unwritten)?;
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .body(text))
}

/// The same where nothing can be told any more.
pub(super) fn html(template: &impl Template) -> HttpResponse {
    page(template).unwrap_or_else(|trouble| HttpResponse::new(trouble.status_code()))
}

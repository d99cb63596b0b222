//! The bearer token of nManagement: fixed by the config, or drawn by a login and kept in memory alone.
//!
//! The login carries the password in its URL, as the service wants it, so that URL is never stored or logged.

use std::sync::{Mutex, MutexGuard, PoisonError};

use secrecy::{ExposeSecret as _, SecretString};

use super::codes::{HTTP, LOCKED_OUT};
use crate::domain::request::Class;
use crate::providers::outgoing::body::percent_encoded;
use crate::providers::outgoing::yuan;
use crate::providers::outgoing::{Answer, Call, HeaderValue, Preparation, Reply};
use crate::providers::wire::json::{Object, Value};
use crate::providers::wire::member::shown;

/// Seconds before its end at which a token is not used any more.
const MARGIN: i64 = 60;
/// Seconds that a token lives where the reply does not say, and at most.
const LIFE: i64 = 3_600;
const LIFE_MAX: i64 = 24 * 3_600;
const TOKEN_MAX: usize = 8_192;

/// How an account proves itself.
pub(super) enum Credential {
    /// A token of a gateway; it does not end.
    Fixed(SecretString),
    Login(Login),
}

/// A name and a password, and the token that they gave.
pub(super) struct Login {
    name: String,
    password: SecretString,
    token: Mutex<Option<Token>>,
}

struct Token {
    text: SecretString,
    /// When another one is due.
    renew_at: jiff::Timestamp,
}

impl Login {
    pub fn new(name: String, password: SecretString) -> Self {
        Self {
            name,
            password,
            token: Mutex::new(None),
        }
    }

    fn token(&self) -> MutexGuard<'_, Option<Token>> {
        // A token is replaced as a whole, so a panic elsewhere leaves none half written.
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(&self, base_url: &str) -> Call {
        let url = |name: &str, password: &str| {
            format!("{base_url}/api/Login/JWTToken3.0?name={name}&pass={password}")
        };
        let name = percent_encoded(&self.name);
        let password = percent_encoded(self.password.expose_secret());
        Call {
            url: url(&name, &password),
            ..Call::get_json(url(&name, "******"))
        }
    }
}

impl Credential {
    pub fn prepare(&self, base_url: &str, now: jiff::Timestamp) -> Preparation {
        match self {
            Self::Fixed(_) => Preparation::Ready,
            Self::Login(login) => {
                let is_fresh = login.token().as_ref().is_some_and(|it| now < it.renew_at);
                if is_fresh {
                    return Preparation::Ready;
                }
                Preparation::Call(Box::new(login.call(base_url)))
            }
        }
    }

    /// Reads the reply to a login. Whatever is wrong with it, the refund itself was not sent.
    pub fn prepared(&self, reply: &Reply, now: jiff::Timestamp) -> Result<(), Box<Answer>> {
        let Self::Login(login) = self else {
            return Ok(());
        };
        match token_of(reply, now) {
            Ok(token) => {
                *login.token() = Some(token);
                Ok(())
            }
            Err(mut answer) => {
                *login.token() = None;
                answer.class = Class::Later;
                Err(answer)
            }
        }
    }

    /// The value of `Authorization`.
    pub fn header(&self) -> HeaderValue {
        let bearer = |token: &SecretString| format!("Bearer {}", token.expose_secret());
        let text = match self {
            Self::Fixed(token) => bearer(token),
            Self::Login(login) => {
                let token = login.token();
                token
                    .as_ref()
                    .map(|it| bearer(&it.text))
                    .unwrap_or_default()
            }
        };
        HeaderValue::Secret(text.into())
    }

    /// What a 401 means: the token is over and another one may be drawn, or no login helps. Nothing was sent
    /// to the bank either way.
    pub fn unauthorized(&self, reply: &Reply) -> Answer {
        let message = yuan::message(reply);
        let is_locked_out = message
            .as_deref()
            .is_some_and(|text| LOCKED_OUT.iter().any(|word| text.contains(word)));
        let answer = |class| Answer::of(class, Some("HTTP 401"), message.as_deref());
        match self {
            Self::Login(login) if !is_locked_out => {
                *login.token() = None;
                answer(Class::Rebuild)
            }
            Self::Login(_) | Self::Fixed(_) => answer(Class::Refused).stopping_the_account(),
        }
    }
}

fn token_of(reply: &Reply, now: jiff::Timestamp) -> Result<Token, Box<Answer>> {
    if reply.status != 200 {
        let mut answer = yuan::by_http(HTTP, reply);
        answer.stops_account |= reply.status == 401;
        return Err(Box::new(answer));
    }
    let unreadable = || Box::new(yuan::unreadable("the login gave no token"));
    let object = Object::parse(&reply.body).map_err(|_| unreadable())?;
    if object.get("success") == Value::Bool(false) {
        let code = shown(&object.get("status"));
        let message = yuan::message(reply);
        let refused = Answer::of(Class::Later, code.as_deref(), message.as_deref());
        return Err(Box::new(refused.stopping_the_account()));
    }
    let Value::Nested(response) = object.get("response") else {
        return Err(unreadable());
    };
    let response = Object::parse(response.as_bytes()).map_err(|_| unreadable())?;
    let token = response.get("token");
    let is_token = |text: &&str| {
        !text.is_empty() && text.len() <= TOKEN_MAX && text.bytes().all(|b| b.is_ascii_graphic())
    };
    let text = token.text().filter(is_token).ok_or_else(unreadable)?;
    // `3600.0` on the wire; parts of a second do not count.
    let seconds = response.get("expires_in");
    let seconds = seconds
        .text_or_digits()
        .and_then(|text| text.split('.').next());
    let seconds = seconds.and_then(|text| text.parse().ok()).unwrap_or(LIFE);
    let usable = seconds.min(LIFE_MAX).saturating_sub(MARGIN).max(0);
    Ok(Token {
        text: text.to_owned().into(),
        renew_at: now + jiff::SignedDuration::from_secs(usable),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::outgoing::Method;

    const GOOD: &str = r#"{"status":200,"success":true,"msg":"获取成功","msgDev":null,"response":{"success":true,"token":"eyJ.a.b","expires_in":3600.0,"token_type":"Bearer"}}"#;
    const BAD: &str =
        r#"{"status":500,"success":false,"msg":"认证失败","msgDev":null,"response":null}"#;

    fn reply(status: u16, body: &str) -> Reply {
        Reply {
            status,
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        }
    }

    fn at(second: i64) -> jiff::Timestamp {
        jiff::Timestamp::from_second(second).unwrap()
    }

    fn login() -> Credential {
        Credential::Login(Login::new(
            "blog admin".to_owned(),
            "p&s+ w%".to_owned().into(),
        ))
    }

    fn is_ready(credential: &Credential, second: i64) -> bool {
        let base = "https://n.example.com/svc";
        matches!(credential.prepare(base, at(second)), Preparation::Ready)
    }

    #[test]
    fn the_password_is_in_the_url_and_not_in_the_shown_one() {
        let Preparation::Call(call) = login().prepare("https://n.example.com/svc", at(0)) else {
            panic!("no login");
        };
        let start = "https://n.example.com/svc/api/Login/JWTToken3.0?name=blog%20admin&pass=";
        assert_eq!(call.url, format!("{start}p%26s%2B%20w%25"));
        assert_eq!(call.shown_url, format!("{start}******"));
        assert_eq!(call.method, Method::Get);
    }

    #[test]
    fn a_token_is_drawn_again_a_minute_before_its_end() {
        let login = login();
        assert!(!is_ready(&login, 0));
        login.prepared(&reply(200, GOOD), at(0)).unwrap();
        assert_eq!(login.header().expose(), "Bearer eyJ.a.b");
        assert!(matches!(login.header(), HeaderValue::Secret(_)));
        assert!(is_ready(&login, 3_539));
        assert!(!is_ready(&login, 3_540));
    }

    #[test]
    fn a_login_that_fails_sends_nothing() {
        for (status, body, stops) in [
            (200, BAD, true),
            (401, "", true),
            (403, "", true),
            (404, "", true),
            (429, "", false),
            (500, BAD, false),
            (200, "<html>", false),
            (200, &GOOD.replace("eyJ.a.b", ""), false),
            (200, &GOOD.replace("eyJ.a.b", "a\\nb"), false),
        ] {
            let login = login();
            login.prepared(&reply(200, GOOD), at(0)).unwrap();
            let answer = login.prepared(&reply(status, body), at(0)).unwrap_err();
            assert_eq!(
                (answer.class, answer.stops_account),
                (Class::Later, stops),
                "{status} {body}"
            );
            assert!(!is_ready(&login, 0), "{status} {body}");
        }
    }

    #[test]
    fn a_token_that_is_not_taken_is_dropped() {
        let login = login();
        login.prepared(&reply(200, GOOD), at(0)).unwrap();
        let body = include_str!("../../../tests/fixtures/nmanagement/unauthorized.json");
        let answer = login.unauthorized(&reply(401, body));
        assert_eq!(
            (answer.class, answer.stops_account),
            (Class::Rebuild, false)
        );
        assert!(!is_ready(&login, 0));
        for text in ["用户不存在，请重新登录", "用户已被禁用", "授权已失效"] {
            let body = format!(r#"{{"status":401,"success":false,"msg":"{text}"}}"#);
            let answer = login.unauthorized(&reply(401, &body));
            assert_eq!((answer.class, answer.stops_account), (Class::Refused, true));
        }
        let fixed = Credential::Fixed("t".to_owned().into());
        assert!(is_ready(&fixed, i64::from(u32::MAX)));
        assert_eq!(fixed.header().expose(), "Bearer t");
        let answer = fixed.unauthorized(&reply(401, body));
        assert_eq!((answer.class, answer.stops_account), (Class::Refused, true));
    }
}

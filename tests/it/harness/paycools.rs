//! `PayCools` as a sender: the form with a signed `param`, and the flat form with a SHA-1 digest.

use super::keys::{other_key, provider_key, sha1_hex};
use super::{ConfigBuilder, Engine, Reply, Server};

/// The exact success bodies of the two forms.
pub const OPEN_API_ACK: &str = r#"{"code":10000,"message":"Success"}"#;
pub const FLAT_ACK: &str = r#"{"code":1,"msg":"success","data":{}}"#;

/// The callback path of the account that takes both forms.
pub const PATH: &str = "/callbacks/paycools/my";

/// Shared secret of the flat form.
pub const SECRET: &str = "test-secret";

/// The provider's published `param`, member for member.
pub const PARAM: &str = r#"{"eventName":"payment.refund.success","mchRefundOrderId":"18184914989277184","originalTransactionId":"CU508022434763373688","refundAmount":10000,"feeRefunded":1000,"refundCreateTime":"2024-07-31 11:38:54","refundReturnTime":"2024-07-31 11:38:55","refundStatus":"COMPLETE","refundTransactionId":"1818491499290169344"}"#;

/// The provider's published flat sample, signed under [`SECRET`]; the digest was made apart from
/// this project.
pub const FLAT: &str = r#"{"eventName":"payment.refund.success","mchRefundOrderId":"CCP20220428011068111","refundTransactionId":"C4X20220428011068485","originalTransactionId":"R2022042801106815674","refundAmount":10000,"feeRefunded":1000,"refundStatus":"COMPLETE","refundCreateTime":"2022-05-31 09:38:06","refundReturnTime":"2022-05-31 09:38:06","refundReason":"refund reson","sign":"fdce83e0c687242089e2e63df3d71ea48270fc2c"}"#;

/// A Malaysian account for both forms, and an Indonesian one for the signed form only, with a key of
/// its own.
pub fn config(engine: Engine) -> ConfigBuilder {
    accounts(ConfigBuilder::bare(engine))
}

/// The same accounts among others.
pub fn accounts(config: ConfigBuilder) -> ConfigBuilder {
    let account = |name: &str, file: &str, more: &str| {
        format!(
            "[[accounts]]\nprovider = \"paycools\"\naccount = \"{name}\"\n\
             public_keys = [{{ id = \"a\", file = \"{file}\" }}]\n{more}\n"
        )
    };
    config
        .file("paycools.pem", &provider_key().public_pem)
        .file("paycools-id.pem", &other_key().public_pem)
        .file("paycools.secret", SECRET)
        .toml(&account(
            "my",
            "paycools.pem",
            "secret = \"file:paycools.secret\"\ncurrency = \"MYR\"\nutc_offset = \"+08:00\"",
        ))
        .toml(&account(
            "id",
            "paycools-id.pem",
            "currency = \"IDR\"\nutc_offset = \"+07:00\"",
        ))
}

/// The outer object around a `param` text and its signature.
pub fn envelope(param: &str, sign: &str) -> String {
    serde_json::json!({ "param": param, "sign": sign }).to_string()
}

/// A flat body of these members in the order given, signed; what reads as an integer is sent as one.
pub fn flat(members: &[(&str, &str)]) -> String {
    let mut sorted: Vec<_> = members
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .collect();
    sorted.sort_unstable();
    let mut signed: Vec<String> = sorted
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    signed.push(format!("secret={SECRET}"));
    let sign = ("sign", sha1_hex(&signed.join("&")));
    let members = members
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()));
    let body: Vec<String> = members
        .chain([sign])
        .map(|(name, value)| match value.parse::<i32>() {
            Ok(number) => format!(r#""{name}":{number}"#),
            Err(_) => format!(r#""{name}":"{value}""#),
        })
        .collect();
    format!("{{{}}}", body.join(","))
}

impl Server {
    /// Posts JSON without any signature header, as this provider does.
    pub fn post_json(&self, path: &str, body: impl AsRef<[u8]>) -> Reply {
        self.post(path, &[("content-type", "application/json")], body)
    }

    /// Posts a `param` under the provider's good signature.
    pub fn post_param(&self, path: &str, param: &str) -> Reply {
        self.post_json(
            path,
            envelope(param, &provider_key().sign(param.as_bytes())),
        )
    }
}

//! The sandbox's accounts: their keys and secrets, from a seed or a folder, and the config that fits them.

use std::path::Path;
use std::sync::OnceLock;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::crypto::{SigningKey, SuffixSecret, TokenDigest, WebhookSecret, hex, sha256};
use crate::sandbox::{Key, Player};

/// One account of a provider.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    pub provider: &'static str,
    pub account: &'static str,
    /// The form of its callbacks; empty where there are none.
    pub form: &'static str,
    pub merchant_no: &'static str,
    pub app_id: &'static str,
}

pub const PAYERMAX: Account = Account {
    provider: "payermax",
    account: "main",
    form: "payermax",
    merchant_no: "020213827212251",
    app_id: "3b242b56a8b64274bcc37dac281120e3",
};
pub const PAYERMAX_OLD: Account = Account {
    provider: "payermax",
    account: "old",
    form: "payermax-v21",
    merchant_no: "SP12345678",
    app_id: "",
};
pub const PAYCOOLS: Account = Account {
    provider: "paycools",
    account: "my",
    form: "paycools",
    merchant_no: "",
    app_id: "5a6d5b0c0pen4a911b0d3c5f1f7a2e01",
};
pub const PAYCOOLS_FLAT: Account = Account {
    provider: "paycools",
    account: "ph",
    form: "paycools-flat",
    merchant_no: "",
    app_id: "f90addc4861540ef9312e87d8f360e08",
};
pub const QUICKPAY: Account = Account {
    provider: "quickpay",
    account: "store-1",
    form: "",
    merchant_no: "S001",
    app_id: "",
};
pub const NMANAGEMENT: Account = Account {
    provider: "nmanagement",
    account: "ccb",
    form: "",
    merchant_no: "105000075235505",
    app_id: "",
};
pub const ACCOUNTS: [Account; 6] = [
    PAYERMAX,
    PAYERMAX_OLD,
    PAYCOOLS,
    PAYCOOLS_FLAT,
    QUICKPAY,
    NMANAGEMENT,
];

/// The name that logs in to nManagement.
pub const LOGIN_NAME: &str = "sandbox";
/// The header that QuickPay's gateway wants.
pub const QUICKPAY_HEADER: &str = "x-api-key";
/// The user of the bank's client.
pub const BANK_USER: &str = "WLPT01";

/// Keys and secrets of all accounts.
pub struct Keys {
    pub payermax_merchant: SigningKey,
    pub paycools_merchant: SigningKey,
    /// Of the flat form.
    pub paycools_secret: String,
    pub quickpay_token: String,
    pub login_password: String,
    pub bank_password: String,
    /// Signs the tokens of nManagement.
    pub login_secret: String,
    relay_secrets: [String; 2],
    reader_token: String,
    players: Vec<Player>,
    payermax_provider: SigningKey,
    paycools_provider: SigningKey,
    seed: u64,
    /// Made when it is needed first: it takes a second.
    other: OnceLock<Option<Other>>,
}

/// A key of the providers that the printed config does not have: the next one, or one that was taken back.
pub struct Other {
    pub signer: SigningKey,
    players: Vec<Player>,
}

impl Other {
    fn from_seed(seed: u64) -> Option<Self> {
        let bytes = sha256(format!("{seed} provider-other").as_bytes());
        let signer = SigningKey::from_seed(bytes).ok()?;
        let again = || SigningKey::from_pem(signer.to_pem()).ok();
        let secret = hex(&sha256(format!("{seed} paycools-other").as_bytes()));
        let players = players([again()?, again()?, again()?], &secret)?;
        Some(Self { signer, players })
    }

    pub fn player(&self, form: &str) -> Option<&Player> {
        self.players.iter().find(|player| player.form.name == form)
    }
}

/// Who writes the callbacks: a key for each form that has one, and the secret of the flat form.
fn players([new, old, open]: [SigningKey; 3], secret: &str) -> Option<Vec<Player>> {
    let flat = Key::Shared(SuffixSecret::new(secret));
    let players = [
        ("payermax", Key::Private(Box::new(new))),
        ("payermax-v21", Key::Private(Box::new(old))),
        ("paycools", Key::Private(Box::new(open))),
        ("paycools-flat", flat),
    ];
    let players = players.into_iter();
    players.map(|(form, key)| Player::find(form, key)).collect()
}

const PAIRS: [&str; 4] = [
    "payermax-merchant",
    "payermax-provider",
    "paycools-merchant",
    "paycools-provider",
];

impl Keys {
    /// The same for the same seed.
    pub fn from_seed(seed: u64) -> anyhow::Result<Self> {
        let made = std::thread::scope(|scope| {
            let threads = PAIRS.map(|name| {
                scope.spawn(move || {
                    SigningKey::from_seed(sha256(format!("{seed} {name}").as_bytes()))
                })
            });
            threads.map(std::thread::ScopedJoinHandle::join)
        });
        let mut pairs = Vec::new();
        for pair in made {
            let pair = pair.map_err(|_| anyhow::anyhow!("a key could not be made"))?;
            pairs.push(pair?.to_pem().to_owned());
        }
        Self::new(seed, &pairs)
    }

    /// Those of the folder; made at the first start.
    pub fn in_folder(folder: &Path, seed: u64) -> anyhow::Result<Self> {
        let path = folder.join("keys.json");
        let show = || path.display().to_string();
        if let Ok(text) = std::fs::read_to_string(&path) {
            let kept: (u64, Vec<String>) = serde_json::from_str(&text).with_context(show)?;
            return Self::new(kept.0, &kept.1).with_context(show);
        }
        let keys = Self::from_seed(seed)?;
        let pairs = [
            &keys.payermax_merchant,
            &keys.payermax_provider,
            &keys.paycools_merchant,
            &keys.paycools_provider,
        ];
        let pairs = pairs.map(SigningKey::to_pem);
        std::fs::write(&path, serde_json::to_string(&(seed, pairs))?).with_context(show)?;
        std::fs::write(
            folder.join("reader.token"),
            format!("{}\n", keys.reader_token),
        )
        .with_context(show)?;
        Ok(keys)
    }

    fn new(seed: u64, pairs: &[String]) -> anyhow::Result<Self> {
        let pair = |index: usize| -> anyhow::Result<SigningKey> {
            let text: &String = pairs.get(index).context("a key is missing")?;
            Ok(SigningKey::from_pem(text)?)
        };
        let secret = |name: &str| hex(&sha256(format!("{seed} {name}").as_bytes()));
        let relay = |name: &str| {
            let bytes = sha256(format!("{seed} relay {name}").as_bytes());
            format!("whsec_{}", STANDARD.encode(bytes))
        };
        let paycools_secret = secret("paycools");
        let players = players([pair(1)?, pair(1)?, pair(3)?], &paycools_secret);
        Ok(Self {
            payermax_merchant: pair(0)?,
            payermax_provider: pair(1)?,
            paycools_merchant: pair(2)?,
            paycools_provider: pair(3)?,
            paycools_secret,
            quickpay_token: secret("quickpay"),
            login_password: secret("login"),
            bank_password: secret("bank")[..12].to_owned(),
            login_secret: secret("token"),
            relay_secrets: [relay("quickpay"), relay("nmanagement")],
            reader_token: secret("reader"),
            players: players.context("a form is missing")?,
            seed,
            other: OnceLock::new(),
        })
    }

    /// `None` only where a key cannot be made.
    pub fn other(&self) -> Option<&Other> {
        let made = self.other.get_or_init(|| Other::from_seed(self.seed));
        made.as_ref()
    }

    /// The public keys of the providers, as `public_keys` takes their values.
    pub fn public(&self) -> serde_json::Value {
        let other = self.other().map(|other| other.signer.public_base64_der());
        serde_json::json!({
            "payermax": {"current": self.payermax_provider.public_base64_der(), "other": other},
            "paycools": {"current": self.paycools_provider.public_base64_der(), "other": other},
        })
    }

    /// Who writes and signs the callbacks of a form.
    pub fn player(&self, form: &str) -> Option<&Player> {
        self.players.iter().find(|player| player.form.name == form)
    }

    pub fn payermax_provider(&self) -> &SigningKey {
        &self.payermax_provider
    }

    /// The secret of an account's relay, for tests that send one.
    pub fn relay_secret(&self, provider: &str) -> Option<WebhookSecret> {
        let index = ["quickpay", "nmanagement"]
            .iter()
            .position(|known| *known == provider)?;
        WebhookSecret::parse(&self.relay_secrets[index]).ok()
    }

    /// A config that `serve` takes as it is.
    pub fn config(&self, sandbox_url: &str, callbacks: &str, scopes: &[&str]) -> String {
        let scopes: Vec<_> = scopes.iter().map(|scope| format!("\"{scope}\"")).collect();
        let mut text = format!(
            "# Made by `refund-receiver sandbox --print-config`; works with the sandbox at {sandbox_url} alone.\n\
             [server]\nlisten = \"127.0.0.1:8080\"\ninternal_listen = \"127.0.0.1:8081\"\n\n\
             [store]\nurl = \"sqlite:refunds.db\"\n\n\
             # The bearer token is {token}\n[[readers]]\nname = \"sandbox\"\ntoken_sha256 = \"{digest}\"\n\
             scopes = [{scopes}]\n",
            token = self.reader_token,
            digest = TokenDigest::of(&self.reader_token).to_hex(),
            scopes = scopes.join(", "),
        );
        for account in ACCOUNTS {
            let section = self.section(&account, account.account, (sandbox_url, callbacks));
            text.push('\n');
            text.push_str(&section);
        }
        text
    }

    /// The section of an account under a name of the caller's; it ends inside of `[accounts.api]`.
    pub fn section(&self, account: &Account, name: &str, (url, callbacks): (&str, &str)) -> String {
        let provider = account.provider;
        let head = format!(
            "[[accounts]]\nprovider = \"{provider}\"\naccount = \"{name}\"\nsandbox = true\n"
        );
        head + &self.members(account, url, callbacks)
    }

    fn members(&self, account: &Account, url: &str, callbacks: &str) -> String {
        match account.provider {
            "payermax" => self.payermax(account, url, callbacks),
            "paycools" => self.paycools(account, url, callbacks),
            "quickpay" => format!(
                "relay_secrets = [\"{}\"]\n[accounts.api]\nbase_url = \"{url}/quickpay\"\nstore_no = \"{}\"\n\
                 operator = \"OP1\"\nheaders = {{ \"{QUICKPAY_HEADER}\" = \"{}\" }}\n",
                self.relay_secrets[0], account.merchant_no, self.quickpay_token
            ),
            _ => format!(
                "relay_secrets = [\"{}\"]\n[accounts.api]\nbase_url = \"{url}/nmanagement\"\n\
                 login = {{ name = \"{LOGIN_NAME}\", password = \"{}\" }}\n\
                 bank_client = {{ url = \"{url}/ccb\", cust_id = \"{}\", user_id = \"{BANK_USER}\", \
                 password = \"{}\" }}\n",
                self.relay_secrets[1], self.login_password, account.merchant_no, self.bank_password
            ),
        }
    }

    fn payermax(&self, account: &Account, url: &str, callbacks: &str) -> String {
        let (app, path, generation) = if account.app_id.is_empty() {
            let path = "/payermax/aggregate-pay-gate/api/gateway";
            (String::new(), path, "v2.1")
        } else {
            let app = format!("app_id = \"{}\"\n", account.app_id);
            (app, "/payermax/aggregate-pay/api/gateway", "v2")
        };
        format!(
            "merchant_no = \"{}\"\n{app}{}[accounts.api]\nbase_url = \"{url}{path}\"\n\
             callback_base_url = \"{callbacks}\"\ngeneration = \"{generation}\"\n{}",
            account.merchant_no,
            public(&self.payermax_provider),
            private(&self.payermax_merchant)
        )
    }

    fn paycools(&self, account: &Account, url: &str, callbacks: &str) -> String {
        let (proof, currency, generation) = if account.form == PAYCOOLS_FLAT.form {
            let proof = format!("secret = \"{}\"\n", self.paycools_secret);
            (proof, "PHP", "flat")
        } else {
            (public(&self.paycools_provider), "MYR", "open-api")
        };
        format!(
            "{proof}currency = \"{currency}\"\nutc_offset = \"+08:00\"\nminor_digits = 2\n[accounts.api]\n\
             base_url = \"{url}/paycools\"\ncallback_base_url = \"{callbacks}\"\n\
             generation = \"{generation}\"\napp_id = \"{}\"\n{}",
            account.app_id,
            private(&self.paycools_merchant)
        )
    }
}

fn public(key: &SigningKey) -> String {
    let text = key.public_base64_der();
    format!("public_keys = [{{ id = \"sandbox\", value = \"{text}\" }}]\n")
}

fn private(key: &SigningKey) -> String {
    format!("private_key = \"{}\"\n", bare(key.to_pem()))
}

/// The Base64 of a PEM text, in one line.
fn bare(pem: &str) -> String {
    pem.lines()
        .filter(|line| !line.starts_with("-----"))
        .collect()
}

//! The configuration of one test server: TOML text and the files it names.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use super::folder::Folder;
use super::keys::{TestKey, provider_key, sha256_hex};
use super::postgres::{Database, Postgres};
use super::relay;
use super::server::PROGRAM;

/// `merchantNo` and `appId` of the new-generation account `payermax/main`.
pub const MERCHANT_NO: &str = "020213827212251";
pub const APP_ID: &str = "3b242b56a8b64274bcc37dac281120e3";
/// `merchantId` of the v2.1 account `payermax/old`, which has no app.
pub const OLD_MERCHANT_ID: &str = "SP12345678";

/// Bearer token of the `EPay` caller.
pub const EPAY_TOKEN: &str = "epay-caller-token-0123456789abcdef0123456789";
/// Bearer token of a reader that may do everything.
pub const READER_TOKEN: &str = "reader-token-of-everything-0123456789abcdef";
/// Bearer token of a reader that may read the feed and nothing else.
pub const FEED_TOKEN: &str = "reader-token-of-the-feed-only-0123456789abcd";

/// What keeps the store; every engine-bound test runs on each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// Where the store of a configuration is.
#[derive(Debug, Clone)]
pub enum Place {
    /// The file `refunds.db` next to the configuration.
    Folder,
    /// A database of PostgreSQL.
    Database(Arc<Database>),
}

/// Collects the parts of a configuration; the default is what most tests need.
#[derive(Debug)]
pub struct ConfigBuilder {
    pub listen: String,
    pub place: Place,
    url: String,
    accounts: String,
    files: Vec<(String, String)>,
    epay: bool,
    pub environment: Vec<(String, String)>,
}

impl ConfigBuilder {
    /// Both `PayerMax` generations under the provider's key, `EPay` with a token, and two readers.
    pub fn new(engine: Engine) -> Self {
        Self::bare(engine).usual_accounts()
    }

    /// The accounts of [`ConfigBuilder::new`].
    pub fn usual_accounts(self) -> Self {
        self.payermax(
            "main",
            MERCHANT_NO,
            Some(APP_ID),
            &[("2026", provider_key(), "")],
        )
        .payermax(
            "old",
            OLD_MERCHANT_ID,
            None,
            &[("2026", provider_key(), "")],
        )
        .with_epay()
    }

    /// No account and no `EPay` yet; only the readers and an empty store.
    pub fn bare(engine: Engine) -> Self {
        let builder = Self {
            listen: "127.0.0.1:0".to_owned(),
            place: Place::Folder,
            url: "sqlite:refunds.db".to_owned(),
            accounts: String::new(),
            files: Vec::new(),
            epay: false,
            environment: Vec::new(),
        };
        match engine {
            Engine::Sqlite => builder,
            Engine::Postgres => builder.on(&Postgres::shared().database()),
        }
    }

    /// Keeps the store in the file `refunds.db` of another folder.
    pub fn in_folder(mut self, folder: &Path) -> Self {
        self.url = format!("sqlite:{}", folder.join("refunds.db").display());
        self
    }

    /// Keeps the store in this database.
    pub fn on(mut self, database: &Arc<Database>) -> Self {
        self.url = database.url();
        self.place = Place::Database(Arc::clone(database));
        self
    }

    /// Reaches its database by this address, such as a proxy's.
    pub fn by_way_of(mut self, address: &str) -> Self {
        let Place::Database(database) = &self.place else {
            panic!("only a database is reached by an address");
        };
        self.url = database.url_at(address);
        self
    }

    /// Adds a `PayerMax` account. A key is its id, the pair, and further TOML members such as
    /// `, not_after = "2020-01-01T00:00:00Z"`.
    pub fn payermax(
        mut self,
        account: &str,
        merchant_no: &str,
        app_id: Option<&str>,
        keys: &[(&str, &TestKey, &str)],
    ) -> Self {
        let mut list = Vec::new();
        for (id, key, more) in keys {
            let file = format!("{account}-{id}.pem");
            list.push(format!("{{ id = \"{id}\", file = \"{file}\"{more} }}"));
            self.files.push((file, key.public_pem.clone()));
        }
        let app = app_id.map_or(String::new(), |app_id| format!("app_id = \"{app_id}\"\n"));
        let account = format!(
            "[[accounts]]\nprovider = \"payermax\"\naccount = \"{account}\"\n\
             merchant_no = \"{merchant_no}\"\n{app}public_keys = [{}]\n\n",
            list.join(", ")
        );
        self.accounts.push_str(&account);
        self
    }

    /// Adds TOML unchanged, for accounts that only one test needs.
    pub fn toml(mut self, text: &str) -> Self {
        self.accounts.push_str(text);
        self.accounts.push('\n');
        self
    }

    /// Adds a file that the configuration names.
    pub fn file(mut self, name: &str, content: &str) -> Self {
        self.files.push((name.to_owned(), content.to_owned()));
        self
    }

    /// An endpoint `erp` at this address that is pushed every event.
    pub fn pushing_to(self, url: &str) -> Self {
        self.file("push.secret", &relay::text(relay::SECRET))
            .toml(&format!(
                "[[endpoints]]\nname = \"erp\"\nurl = \"{url}\"\nsecrets = [\"file:push.secret\"]\n\
             allow_private = true\n"
            ))
    }

    /// Turns the `EPay` endpoint on.
    pub fn with_epay(mut self) -> Self {
        self.epay = true;
        self.file("epay.token", EPAY_TOKEN)
    }

    /// Sets a variable of the server's environment.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Listens somewhere else than on a free port.
    pub fn listen(mut self, address: &str) -> Self {
        address.clone_into(&mut self.listen);
        self
    }

    /// Writes `refund-receiver.toml` and everything it names into `folder`.
    pub fn write(&self, folder: &Folder) {
        for (name, content) in &self.files {
            folder.write(name, content);
        }
        folder.write("refund-receiver.toml", self.text());
    }

    fn text(&self) -> String {
        let epay = if self.epay {
            "[epay]\ntokens = [\"file:epay.token\"]\n\n"
        } else {
            ""
        };
        let evidence = match self.place {
            Place::Folder => "",
            Place::Database(_) => "evidence = \"refunds.evidence.db\"\n",
        };
        format!(
            "[server]\nlisten = \"{}\"\ninternal_listen = \"127.0.0.1:0\"\n\n\
             [store]\nurl = \"{}\"\n{evidence}\n{}{epay}\
             [[readers]]\nname = \"all\"\ntoken_sha256 = \"{}\"\n\
             scopes = [\"refunds:read\", \"events:read\", \"orders:write\", \"callbacks:read\", \
             \"operate\"]\n\n\
             [[readers]]\nname = \"feed\"\ntoken_sha256 = \"{}\"\nscopes = [\"events:read\"]\n",
            self.listen,
            self.url,
            self.accounts,
            sha256_hex(READER_TOKEN),
            sha256_hex(FEED_TOKEN),
        )
    }
}

/// What `check-config` says of this configuration in a folder of its own.
pub fn check(config: &ConfigBuilder) -> Output {
    let folder = Folder::new();
    config.write(&folder);
    check_file(
        &folder.path().join("refund-receiver.toml"),
        &config.environment,
    )
}

/// What `check-config` says of this file, with these variables.
pub fn check_file(path: &Path, environment: &[(String, String)]) -> Output {
    Command::new(PROGRAM)
        .args(["check-config", "--config"])
        .arg(path)
        .envs(environment.iter().cloned())
        .output()
        .expect("the program can be started")
}

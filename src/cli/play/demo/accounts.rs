//! The throw-away accounts: their keys and secrets, their part of the config, and who signs for them.

use super::folder::Folder;
use super::token;
use crate::crypto::{SigningKey, SuffixSecret, WebhookSecret};
use crate::providers::SYSTEMS;
use crate::sandbox::{Key, Player, Sandbox, Write};

/// Makes an account of every system; gives its forms and writes its part of the config.
pub fn make(folder: &Folder, config: &mut Vec<String>) -> anyhow::Result<Vec<Player>> {
    let mut players = Vec::new();
    for system in SYSTEMS {
        if let Some(sandbox) = system.sandbox {
            let (section, forms) = account(folder, system.name, sandbox)?;
            config.push(section);
            players.extend(forms);
        }
    }
    Ok(players)
}

fn account(
    folder: &Folder,
    name: &'static str,
    sandbox: &'static Sandbox,
) -> anyhow::Result<(String, Vec<Player>)> {
    let (mut members, mut players) = (Vec::new(), Vec::new());
    // One for all forms of a system; making one takes a while.
    let mut private_key: Option<String> = None;
    for form in sandbox.forms {
        let (key, line) = match form.write {
            Write::Header { .. } | Write::Inside { .. } => {
                let key = match &private_key {
                    Some(pem) => SigningKey::from_pem(pem)?,
                    None => SigningKey::generate()?,
                };
                let pem = private_key.insert(key.to_pem().to_owned());
                folder.write(&format!("{name}.pem"), key.public_pem())?;
                folder.write(&format!("{name}-private.pem"), pem)?;
                let line = format!(r#"public_keys = [{{ id = "demo", file = "{name}.pem" }}]"#);
                (Key::Private(Box::new(key)), line)
            }
            Write::Digest { .. } => {
                let secret = token();
                folder.write(&format!("{name}.secret"), &secret)?;
                let line = format!(r#"secret = "file:{name}.secret""#);
                (Key::Shared(SuffixSecret::new(&secret)), line)
            }
            Write::Relayed(_) => {
                let secret = WebhookSecret::generate_text();
                folder.write(&format!("{name}.secret"), &secret)?;
                let line = format!(r#"relay_secrets = ["file:{name}.secret"]"#);
                (Key::Relay(Box::new(WebhookSecret::parse(&secret)?)), line)
            }
            Write::Report(_) => {
                let token = token();
                folder.write(&format!("{name}.token"), &token)?;
                let line = format!(r#"tokens = ["file:{name}.token"]"#);
                (Key::Token(token), line)
            }
        };
        if !members.contains(&line) {
            members.push(line);
        }
        players.push(Player {
            system: name,
            sandbox,
            form,
            key,
        });
    }
    let is_account = SYSTEMS
        .iter()
        .any(|system| system.name == name && system.account.is_some());
    let head = if is_account {
        let account = sandbox.account;
        format!("[[accounts]]\nprovider = \"{name}\"\naccount = \"{account}\"\n")
    } else {
        format!("[{name}]\n")
    };
    let section = format!("{head}{}{}\n", sandbox.members, members.join("\n"));
    Ok((section, players))
}

//! What only the machine that runs it can tell of a configuration: secrets that cannot be had, and values
//! that nobody filled in.

use super::error::{Fault, Faults};
use super::{Config, GATEWAY_SECRET_MIN, PATH_SECRET, Secret, StoreKind, is_path_secret};
use toml::Value;

/// What stands in the shipped examples where an installation's own value belongs.
const PLACEHOLDER: &str = "CHANGE-ME";
/// A digest that begins with so many zeros was never computed of anything.
const ZEROS: usize = 60;

impl Config {
    /// Reads every secret in use where it is kept: files and environment variables of this machine.
    ///
    /// The first part are faults: secrets that cannot be had or are none, each with place and key. The second
    /// are notices: values left as the examples have them. Neither shows a secret.
    #[must_use]
    pub fn examine(&self) -> (Vec<Fault>, Vec<String>) {
        let (mut faults, mut notices) = (Faults::default(), Vec::new());
        for (key, secret) in self.secrets() {
            // The key file of a new installation is made at the first start.
            if key == "keys.master" && secret.file().is_some_and(|path| !path.exists()) {
                notices.push(format!("{key}: {secret} is not there yet; the first start makes it"));
                continue;
            }
            match secret.reveal() {
                Ok(value) if value.contains(PLACEHOLDER) => notices.push(left(&key)),
                Ok(value) if value.is_empty() => faults.add(key, format!("the secret {secret} is empty")),
                Ok(value) if key == "store.url" => {
                    let known = StoreKind::of(&value).is_some();
                    faults.require(known, key, "is neither sqlite: nor postgres://");
                }
                Ok(_) if key == "keys.master" => {
                    if let Err(error) = self.keys.load() {
                        faults.add(key, error.to_string());
                    }
                }
                Ok(value) if key.ends_with(".path_secret") && !is_path_secret(&value) => faults.add(key, PATH_SECRET),
                // Secrets of a protocol's own table are as long as the other side makes them.
                Ok(value) if key.ends_with("].secret") && value.len() < GATEWAY_SECRET_MIN => {
                    faults.add(key, format!("the secret {secret} is shorter than {GATEWAY_SECRET_MIN} bytes"));
                }
                Ok(_) => {}
                Err(error) => faults.add(key, format!("{error}{}", cause(&error))),
            }
        }
        if let Ok(values) = Value::try_from(self) {
            left_over("", &values, &mut notices);
        }
        for token in self.http.tokens.iter().filter(|t| t.sha256.bytes().take_while(|b| *b == b'0').count() >= ZEROS) {
            notices.push(format!("the digest of token {:?} is a placeholder: nobody can sign in with it", token.name));
        }
        (faults.located(&self.origins), notices)
    }

    /// The secrets in use, each with its key.
    fn secrets(&self) -> Vec<(String, &Secret)> {
        let mut out = vec![("store.url".to_owned(), &self.store.url), ("keys.master".to_owned(), &self.keys.master)];
        out.extend(self.amqp.enabled.then(|| ("amqp.url".to_owned(), &self.amqp.url)));
        for (i, gateway) in self.gateways.iter().enumerate() {
            let of_table = [
                ("secret", gateway.secret.as_ref()),
                ("cmpp.secret", gateway.cmpp.as_ref().map(|t| &t.secret)),
                ("ebd.secret", gateway.ebd.as_ref().and_then(|t| t.secret.as_ref())),
                ("ebd.token", gateway.ebd.as_ref().and_then(|t| t.token.as_ref())),
                ("mqtt.password", gateway.mqtt.as_ref().and_then(|t| t.password.as_ref())),
                ("sip.password", gateway.sip.as_ref().and_then(|t| t.password.as_ref())),
                ("smpp.password", gateway.smpp.as_ref().map(|t| &t.password)),
                ("vendor.key", gateway.vendor.as_ref().map(|t| &t.key)),
                ("vendor.path_secret", gateway.vendor.as_ref().map(|t| &t.path_secret)),
            ];
            let given = of_table.into_iter().filter_map(|(key, secret)| Some((format!("gateway[{i}].{key}"), secret?)));
            out.extend(given);
        }
        out
    }
}

fn left(key: &str) -> String {
    format!("{key} still holds {PLACEHOLDER}")
}

fn cause(error: &dyn std::error::Error) -> String {
    error.source().map(|source| format!(": {source}")).unwrap_or_default()
}

/// Texts that stand in the configuration itself and hold the placeholder; secrets are hidden here.
fn left_over(key: &str, value: &Value, notices: &mut Vec<String>) {
    match value {
        Value::String(text) if text.contains(PLACEHOLDER) => notices.push(left(key)),
        Value::Table(table) => table.iter().for_each(|(name, v)| left_over(&super::known::join(key, name), v, notices)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, v)| left_over(&format!("{key}[{i}]"), v, notices))
        }
        _ => {}
    }
}

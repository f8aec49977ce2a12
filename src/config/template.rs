//! `[[gateway.template]]`: what a vendor has registered for a gateway.

use super::error::Faults;
use serde::{Deserialize, Serialize};

/// A registered template. What it says is checked where plans are: `jiaoying config check` tells both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateSection {
    /// The text of the plans that it stands for, by its key there.
    pub purpose: String,
    /// The vendor's name for it.
    pub id: String,
    /// Its language; standard Chinese when not given.
    pub language: Option<String>,
    /// The registered signature, brackets included.
    #[serde(default)]
    pub sign: String,
    /// Its registered words, each parameter as its name in braces.
    pub text: String,
    /// The parameters in the vendor's order.
    #[serde(default)]
    pub parameters: Vec<ParameterSection>,
}

/// A variable of a registered template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterSection {
    /// The vendor's name for it.
    pub name: String,
    /// What fills it, with the placeholders of plans.
    pub from: String,
    /// Characters that the vendor allows in it.
    pub max: usize,
}

impl TemplateSection {
    pub(super) fn check(&self, at: &str, faults: &mut Faults) {
        for (key, value) in [("id", &self.id), ("text", &self.text), ("purpose", &self.purpose)] {
            faults.require(!value.trim().is_empty(), format!("{at}.{key}"), "must not be empty");
        }
    }
}

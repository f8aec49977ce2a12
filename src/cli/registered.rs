//! The registered templates of gateways: from the configuration to the model.

use crate::config::{Config, GatewaySection, TemplateSection};
use crate::gateway::channels_of;
use crate::model::{Finding, Parameter, Template, TextKind, is_standard_chinese};
use crate::plan::check_templates;
use crate::runtime::LINK_CHARS;

/// Characters of a one-time link.
pub(super) fn link_chars(config: &Config) -> usize {
    link_base(config).chars().count() + LINK_CHARS
}

/// What one-time links begin with.
pub(super) fn link_base(config: &Config) -> String {
    format!("{}/a/", config.http.public_url)
}

/// The templates of a gateway.
///
/// # Errors
/// One that stands for no text that there is, or a gateway of several channels: a vendor registers the
/// words of a call and of a short message apart.
pub(super) fn templates(section: &GatewaySection) -> Result<Vec<Template>, Finding> {
    let place = format!("gateway {} / template", section.id);
    if !section.templates.is_empty() && section.channels.len() != 1 {
        let reason = "a gateway with templates serves one channel; make one gateway per channel";
        return Err(Finding::fatal(place, reason));
    }
    let template = |t: &TemplateSection| {
        let purpose = TextKind::ALL.into_iter().find(|kind| kind.name() == t.purpose);
        let known = TextKind::ALL.map(TextKind::name).join(" ");
        let unknown = || Finding::fatal(format!("{place} {}", t.id), format!("purpose is none of {known}"));
        let parameter =
            |p: &crate::config::ParameterSection| Parameter { name: p.name.clone(), from: p.from.clone(), max: p.max };
        Ok(Template {
            id: t.id.clone(),
            purpose: purpose.ok_or_else(unknown)?,
            language: t.language.clone().filter(|tag| !is_standard_chinese(tag)),
            sign: t.sign.clone(),
            text: t.text.clone(),
            parameters: t.parameters.iter().map(parameter).collect(),
        })
    };
    section.templates.iter().map(template).collect()
}

/// What is wrong with the templates of all gateways, and what they cannot send.
pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let of = |section: &GatewaySection| match (templates(section), channels_of(section).first()) {
        (Ok(list), Some(channel)) => check_templates(&section.id, *channel, section.drill, &list, link_chars(config)),
        (Ok(_), None) => Vec::new(),
        (Err(finding), _) => vec![finding],
    };
    config.gateways.iter().flat_map(of).collect()
}

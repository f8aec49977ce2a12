//! `code/method`: what the sender wrote for single ways of publishing.

use super::super::infos::text;
use super::super::values::clean;
use super::super::{Findings, xml::Element};
use super::split;
use crate::model::Method;

/// How `audiencePrt` is spelt: the profile's own slip of the pen comes first.
const RECEIVERS: [&str; 4] = ["audenceprt", "audencePrt", "audienceprt", "audiencePrt"];
/// The same for the groups.
const GROUPS: [&str; 3] = ["audienceGrp", "audiencegrp", "audenceGrp"];

/// Reads every method. Texts are kept and not sent; single receivers are counted and not kept, as they
/// may be telephone numbers.
pub(super) fn read(alert: &Element, findings: &mut Findings) -> Vec<Method> {
    let mut list = Vec::new();
    for (path, code) in alert.each("code", "alert") {
        for (path, method) in code.each("method", &path) {
            let mut told = |name: &str| {
                let found = text(method, name, &path, findings).unwrap_or_default();
                clean(found, &format!("{path}/{name}"), findings)
            };
            let (name, words) = (told("methodName"), told("message"));
            let groups = GROUPS.iter().flat_map(|name| split(&told(name))).collect::<Vec<_>>();
            let receivers: usize = RECEIVERS.iter().map(|name| split(&told(name)).len()).sum();
            if !words.is_empty() {
                let reason = "a text of its own for this way; it is kept, and calls use the plan's words";
                findings.notice(format!("{path}/message"), reason);
            }
            if receivers > 0 {
                let reason = format!("{receivers} single receivers; the directory alone says who is called");
                findings.notice(format!("{path}/{}", RECEIVERS[0]), reason);
            }
            if name.is_empty() && (!words.is_empty() || !groups.is_empty()) {
                findings.notice(format!("{path}/methodName"), "missing");
            }
            let method = Method { name, text: words, groups };
            if method != Method::default() {
                list.push(method);
            }
        }
    }
    list
}

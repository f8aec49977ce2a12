//! The callback route in the real program: the public listener tells it who calls.

use super::*;
use crate::support::service::Service;
use std::io::Write;

#[tokio::test(flavor = "multi_thread")]
async fn the_program_takes_callbacks_of_the_vendors_addresses_only() {
    let mut service = Service::prepare(None, None, "533324204", false).await;
    let path = service.folder.path().join("jiaoying.toml");
    let gateway = |id: &str, source: &str| {
        format!(
            "[[gateway]]\nid = \"{id}\"\nkind = \"vendor\"\nchannels = [\"sms\"]\nurl = \"http://127.0.0.1:9/\"\n\
             [gateway.vendor]\ndialect = \"kannel\"\naccount = \"a\"\nkey = \"k\"\npath_secret = \"{PATH}\"\n\
             public_url = \"{PUBLIC}\"\nsources = [\"{source}\"]\n"
        )
    };
    let mut file = std::fs::File::options().append(true).open(&path).unwrap();
    write!(file, "{}{}", gateway("here", "127.0.0.0/8"), gateway("elsewhere", "203.0.113.0/24")).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let public = text.lines().find_map(|l| l.strip_prefix("public_url = \"http://127")).unwrap();
    let public = format!("http://127{}", public.trim_end_matches('"'));
    service.start();
    service.ready().await;
    let get = |id: &str, path: &str| {
        let url = format!("{public}/callbacks/{id}/{path}?from=13800000009&to=1&text=%65%36%52%30&coding=2");
        let sent = service.client.get(url).header("x-forwarded-for", "203.0.113.9").send();
        async move { sent.await.unwrap().status().as_u16() }
    };
    assert_eq!(get("here", PATH).await, 200, "{}", service.log());
    assert_eq!(get("here", "another-path-secret").await, 404);
    assert_eq!(get("elsewhere", PATH).await, 403);
    let log = service.log();
    assert!(!log.contains(PATH) && !log.contains("13800000009"), "{log}");
    service.stop().await;
}

//! The user agent: one UDP socket to the trunk. Transactions, dialogs, digests and their timers are `rsipstack`'s.

use crate::config::SipSection;
use futures::future::{BoxFuture, FutureExt};
use rsipstack::dialog::authenticate::Credential;
use rsipstack::dialog::dialog::DialogStateReceiver;
use rsipstack::dialog::dialog_layer::DialogLayer;
use rsipstack::dialog::invitation::{InviteAsyncResult, InviteOption};
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::{Method, SipMessage, StatusCodeKind, Uri, typed};
use rsipstack::transaction::endpoint::{EndpointInnerRef, EndpointOption, TargetLocator};
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transaction::{EndpointBuilder, Transaction, TransactionReceiver, make_tag};
use rsipstack::transport::udp::UdpConnection;
use rsipstack::transport::{SipAddr, TransportLayer};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A user agent that is open.
pub(super) struct Agent {
    endpoint: EndpointInnerRef,
    /// The dialogs there are.
    pub(super) dialogs: Arc<DialogLayer>,
    trunk: String,
    domain: String,
    caller: String,
    credential: Option<Credential>,
    /// Where the trunk reaches us.
    pub(super) contact: Uri,
    /// The address that media sockets are bound to.
    pub(super) ip: IpAddr,
    /// The address that the trunk sees.
    pub(super) public: IpAddr,
    /// Whose packets are read.
    pub(super) peers: Peers,
    stop: CancellationToken,
}

/// The trunk's addresses and those that were configured beside them.
#[derive(Clone, Debug, Default)]
pub(super) struct Peers(Arc<RwLock<BTreeSet<IpAddr>>>);

/// Where requests go that name the trunk's domain and no dialog's address: to the trunk. A CANCEL goes where its
/// INVITE went, RFC 3261 9.1, and the library knows that from here only.
struct Locator {
    trunk: String,
    domain: String,
}

/// A call that was begun.
pub(super) struct Invited {
    pub(super) dialog: InviteDialog,
    pub(super) states: DialogStateReceiver,
    /// Ends with the final answer. Aborted, the INVITE is given up: what still comes of it is cancelled or ended.
    pub(super) answer: JoinHandle<InviteAsyncResult>,
}

// === impl Agent ===

impl Agent {
    /// Opens the socket and begins to read. The other end of the second value brings requests.
    ///
    /// # Errors
    /// That the trunk's name is not known or the socket cannot be had; to be tried again.
    pub(super) async fn open(
        section: &SipSection,
        password: Option<&str>,
    ) -> Result<(Self, TransactionReceiver), String> {
        let trunk = resolve(&section.trunk).await?;
        let ip = if section.local.ip().is_unspecified() { towards(trunk)? } else { section.local.ip() };
        let public = section.public.unwrap_or(ip);
        let stop = CancellationToken::new();
        let local = SocketAddr::new(ip, section.local.port());
        let external = section.public.map(|ip| SocketAddr::new(ip, local.port()));
        let udp = UdpConnection::create_connection(local, external, Some(stop.child_token())).await;
        let udp = udp.map_err(|e| format!("{local}: {e}"))?;
        let port = udp.get_addr().get_socketaddr().map_or(local.port(), |addr| addr.port());
        let peers = Peers::new(section.peers.iter().copied().chain([trunk.ip()]));
        let layer = TransportLayer::new(stop.clone());
        layer.add_transport(udp.into());
        let known = peers.clone();
        layer.set_whitelist(move |ip: IpAddr| std::future::ready(known.contain(ip)));
        let host = || section.trunk.rsplit_once(':').map(|(host, _)| host.to_owned());
        let domain = section.domain.clone().or_else(host).unwrap_or_default();
        // Call-IDs are random; behind the @ stands who made them.
        let option = EndpointOption { callid_suffix: Some(public.to_string()), ..EndpointOption::default() };
        let endpoint = EndpointBuilder::new()
            .with_option(option)
            .with_user_agent("jiaoying")
            .with_transport_layer(layer)
            .with_cancel_token(stop.clone())
            .with_target_locator(Box::new(Locator { trunk: section.trunk.clone(), domain: domain.clone() }))
            .build();
        let incoming = endpoint.incoming_transactions().map_err(|e| e.to_string())?;
        let inner = endpoint.inner.clone();
        let served = inner.clone();
        tokio::spawn(async move { served.serve().await });
        let contact = uri(&section.caller, &SocketAddr::new(public, port).to_string())?;
        let credential = section.user.clone().zip(password).map(|(username, password)| Credential {
            username,
            password: password.to_owned(),
            realm: None,
            auth_username: None,
        });
        let agent = Self {
            dialogs: Arc::new(DialogLayer::new(inner.clone())),
            endpoint: inner,
            trunk: section.trunk.clone(),
            domain,
            caller: section.caller.clone(),
            credential,
            contact,
            ip,
            public,
            peers,
            stop,
        };
        Ok((agent, incoming))
    }

    /// Calls a number, with this offer.
    ///
    /// # Errors
    /// That no INVITE could be made; none was sent.
    pub(super) async fn invite(&self, number: &str, offer: String) -> Result<Invited, String> {
        let destination = self.destination().await?;
        let option = InviteOption {
            caller: uri(&self.caller, &self.domain)?,
            callee: uri(number, &self.domain)?,
            destination: Some(destination),
            content_type: Some("application/sdp".into()),
            offer: Some(offer.into_bytes()),
            contact: self.contact.clone(),
            credential: self.credential.clone(),
            ..InviteOption::default()
        };
        let (sender, states) = self.dialogs.new_dialog_state_channel();
        let (dialog, answer) = self.dialogs.do_invite_async(option, sender).map_err(|e| e.to_string())?;
        Ok(Invited { dialog, states, answer })
    }

    /// Asks the trunk whether it is there. Any answer means that it is; tells which.
    ///
    /// # Errors
    /// Why there was none.
    pub(super) async fn ping(&self) -> Result<u16, String> {
        let told = |e: rsipstack::Error| e.to_string();
        let destination = self.destination().await?;
        let (from, to) = (uri(&self.caller, &self.domain)?, format!("sip:{}", self.domain));
        let to = Uri::try_from(to.as_str()).map_err(|e| e.to_string())?;
        let from = typed::From { display_name: None, uri: from, params: Vec::new() }.with_tag(make_tag());
        let via = self.endpoint.get_via(None, None).map_err(told)?;
        let header = typed::To { display_name: None, uri: to.clone(), params: Vec::new() };
        let request = self.endpoint.make_request(Method::Options, to, via, from, header, 1, None);
        let key = TransactionKey::from_request(&request, TransactionRole::Client).map_err(told)?;
        let mut transaction = Transaction::new_client(key, request, self.endpoint.clone(), None);
        transaction.destination = Some(destination);
        transaction.send().await.map_err(told)?;
        while let Some(message) = transaction.receive().await {
            if let SipMessage::Response(response) = message
                && response.status_code.kind() != StatusCodeKind::Provisional
            {
                return Ok(response.status_code.code());
            }
        }
        Err("no answer".into())
    }

    pub(super) fn close(&self) {
        self.stop.cancel();
    }

    /// The trunk's address now; what comes from there is read.
    async fn destination(&self) -> Result<SipAddr, String> {
        let trunk = resolve(&self.trunk).await?;
        self.peers.add(trunk.ip());
        Ok(SipAddr { r#type: Some(rsipstack::sip::Transport::Udp), addr: trunk.into() })
    }
}

// === impl Peers ===

impl Peers {
    pub(super) fn new(addresses: impl Iterator<Item = IpAddr>) -> Self {
        Self(Arc::new(RwLock::new(addresses.collect())))
    }

    pub(super) fn contain(&self, ip: IpAddr) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(&ip)
    }

    fn add(&self, ip: IpAddr) {
        if !self.contain(ip) {
            self.0.write().unwrap_or_else(PoisonError::into_inner).insert(ip);
        }
    }
}

// === impl Locator ===

impl TargetLocator for Locator {
    fn locate<'a, 'b, 'c>(&'a self, uri: &'b Uri) -> BoxFuture<'c, rsipstack::Result<SipAddr>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        async move {
            let of_trunk = uri.host_with_port.host.to_string().eq_ignore_ascii_case(&self.domain);
            if !of_trunk || uri.host_with_port.port.is_some() {
                return SipAddr::try_from(uri);
            }
            let trunk = resolve(&self.trunk).await.map_err(rsipstack::Error::DnsResolutionError)?;
            Ok(SipAddr { r#type: Some(rsipstack::sip::Transport::Udp), addr: trunk.into() })
        }
        .boxed()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn uri(user: &str, host: &str) -> Result<Uri, String> {
    Uri::try_from(format!("sip:{user}@{host}").as_str()).map_err(|_| "not an address that can be called".into())
}

async fn resolve(host_port: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = host_port.parse() {
        return Ok(address);
    }
    let found = tokio::net::lookup_host(host_port).await.map_err(|e| format!("{host_port}: {e}"))?;
    let mut all: Vec<_> = found.collect();
    // Trunks speak the old family first.
    all.sort_by_key(SocketAddr::is_ipv6);
    all.first().copied().ok_or_else(|| format!("{host_port}: no address"))
}

/// Our address on the way to another.
fn towards(address: SocketAddr) -> Result<IpAddr, String> {
    let any: IpAddr = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let way = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect(address)?;
        socket.local_addr()
    });
    way.map(|local| local.ip()).map_err(|e| format!("no way to {address}: {e}"))
}

//! What the AMQP tests stand on: a real broker, a desk that does what it is told, a wire to cut.

use crate::support::servers::{self, Turn};
use futures::StreamExt;
use futures::future::BoxFuture;
use jiaoying::intake::amqp::{AmqpConfig, AmqpDoor, spawn};
use jiaoying::intake::{Desk, Posted, Receipt, Retracted, Retraction, Unavailable};
use jiaoying::model::{Finding, Severity};
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, ExchangeDeleteOptions, QueueBindOptions,
    QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Semaphore, mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Longer than anything that works takes.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A desk that records what it is given.
///
/// Bodies that begin with `bad` are parked, with `slow` wait at the gate, with `panic` panic.
pub struct TestDesk {
    seen: mpsc::UnboundedSender<Posted>,
    pub inbox: Mutex<mpsc::UnboundedReceiver<Posted>>,
    pub down: AtomicBool,
    pub gate: Semaphore,
    pub body_max: usize,
}

impl TestDesk {
    fn new(body_max: usize) -> Self {
        let (seen, inbox) = mpsc::unbounded_channel();
        Self { seen, inbox: Mutex::new(inbox), down: AtomicBool::new(false), gate: Semaphore::new(0), body_max }
    }

    /// The next document the desk was given.
    pub async fn next(&self) -> Posted {
        timeout(PATIENCE, async { self.inbox.lock().await.recv().await }).await.expect("a post").unwrap()
    }

    pub async fn next_text(&self) -> String {
        String::from_utf8(self.next().await.body).unwrap()
    }
}

impl Desk for TestDesk {
    fn post(&self, posted: Posted) -> BoxFuture<'_, Result<Receipt, Unavailable>> {
        Box::pin(async move {
            let body = posted.body.clone();
            self.seen.send(posted).unwrap();
            if self.down.load(Ordering::SeqCst) {
                return Err(Unavailable("the store is down".into()));
            }
            assert!(!body.starts_with(b"panic"), "told to");
            if body.starts_with(b"slow") {
                self.gate.acquire().await.unwrap().forget();
            }
            let bad = body.starts_with(b"bad") || body.len() > self.body_max;
            let finding =
                |place: &str, severity| Finding { place: place.into(), reason: format!("{place} is wrong"), severity };
            Ok(Receipt {
                accepted: !bad,
                duplicate: false,
                identifier: Some(String::from_utf8_lossy(&body[..body.len().min(20)]).into()),
                warning: None,
                cover: Vec::new(),
                findings: if bad {
                    vec![finding("/alert/note", Severity::Notice), finding("/alert/sent", Severity::Fatal)]
                } else {
                    Vec::new()
                },
                parked: bad.then(|| "parked-1".into()),
            })
        })
    }

    fn retract(&self, _: Retraction) -> BoxFuture<'_, Result<Retracted, Unavailable>> {
        Box::pin(async { Ok(Retracted::Unknown) })
    }
}

/// A broker with names of its own, a client, and a desk.
pub struct Rig {
    /// The broker's address.
    pub url: String,
    pub config: AmqpConfig,
    pub desk: Arc<TestDesk>,
    pub client: Channel,
    pub conn: Connection,
    /// Keeps those who stop the broker away, or all others.
    pub _turn: Turn,
}

impl Rig {
    /// `None` when the tests that need servers are to be skipped.
    pub async fn new(name: &str) -> Option<Self> {
        Some(Self::with(servers::amqp().await?, name).await)
    }

    /// A rig that no other test runs beside.
    pub async fn alone(name: &str) -> Option<Self> {
        Some(Self::with(servers::amqp_alone().await?, name).await)
    }

    async fn with((url, turn): (String, Turn), name: &str) -> Self {
        let prefix = format!("it.{}.{name}", std::process::id());
        let section = format!(
            "urls = ['{url}']\nwarnings_exchange = '{prefix}.warnings'\nurgent_queue = '{prefix}.urgent'\n\
             normal_queue = '{prefix}.normal'\nparking_queue = '{prefix}.parking'\n\
             events_exchange = '{prefix}.events'\nbackoff_min_ms = 20\nbackoff_max_ms = 500\nheartbeat_s = 2\n\
             drain_timeout_ms = 300\nbody_max_bytes = 10000"
        );
        let config: AmqpConfig = toml::from_str(&section).unwrap();
        let (conn, client) = connect(&url).await;
        let desk = Arc::new(TestDesk::new(config.body_max_bytes));
        Self { url, config, desk, client, conn, _turn: turn }
    }

    /// Opens a door and waits until it consumes.
    pub async fn open(&self) -> (AmqpDoor, CancellationToken) {
        let token = CancellationToken::new();
        let door = spawn(self.config.clone(), self.desk.clone(), 7, token.clone());
        let open = async || door.status().connected && door.status().consuming;
        let opened = timeout(PATIENCE, until("the door is open", open)).await;
        opened.unwrap_or_else(|_| panic!("the door does not open: {:?}", door.status()));
        (door, token)
    }

    /// Posts a warning.
    pub async fn post(&self, key: &str, body: &str, properties: BasicProperties) {
        let exchange = self.config.warnings_exchange.as_str().into();
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let properties = properties.with_delivery_mode(2);
        let confirm = self.client.basic_publish(exchange, key.into(), options, body.as_bytes(), properties).await;
        assert!(matches!(confirm.unwrap().await.unwrap(), lapin::Confirmation::Ack(None)), "posted and routed");
    }

    /// Messages that are ready in a queue, and its consumers.
    pub async fn ready(&self, queue: &str) -> (u32, u32) {
        let queue = self.look(queue).await.unwrap();
        (queue.message_count(), queue.consumer_count())
    }

    /// Whether a queue is there.
    pub async fn exists(&self, queue: &str) -> bool {
        self.look(queue).await.is_ok()
    }

    async fn look(&self, queue: &str) -> lapin::Result<lapin::Queue> {
        let channel = self.conn.create_channel().await?;
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(queue.into(), options, FieldTable::default()).await
    }

    /// Follows keys of the events exchange.
    pub async fn events(&self, key: &str) -> Consumer {
        let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
        let queue = self.client.queue_declare("".into(), options, FieldTable::default()).await.unwrap().name().clone();
        let exchange = self.config.events_exchange.as_str().into();
        let bind = self.client.queue_bind(
            queue.clone(),
            exchange,
            key.into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        bind.await.unwrap();
        self.consume(queue.as_str()).await
    }

    pub async fn consume(&self, queue: &str) -> Consumer {
        let options = BasicConsumeOptions::default();
        self.client.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await.unwrap()
    }

    /// Closes a door and takes the names off the broker.
    pub async fn close(self, door: AmqpDoor, token: CancellationToken) {
        token.cancel();
        timeout(PATIENCE, door.closed()).await.expect("the door closes");
        let channel = self.conn.create_channel().await.unwrap();
        for queue in [&self.config.urgent_queue, &self.config.normal_queue, &self.config.parking_queue] {
            channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
        }
        for exchange in [&self.config.warnings_exchange, &self.config.events_exchange] {
            channel.exchange_delete(exchange.as_str().into(), ExchangeDeleteOptions::default()).await.unwrap();
        }
    }
}

/// A connection and a channel with confirms.
pub async fn connect(url: &str) -> (Connection, Channel) {
    let conn = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
    let channel = conn.create_channel().await.unwrap();
    channel.confirm_select(lapin::options::ConfirmSelectOptions::default()).await.unwrap();
    (conn, channel)
}

/// The next message of a consumer, acknowledged.
pub async fn next(consumer: &mut Consumer) -> Delivery {
    let delivery = timeout(PATIENCE, consumer.next()).await.expect("a message").unwrap().unwrap();
    delivery.acker.ack(BasicAckOptions::default()).await.unwrap();
    delivery
}

/// Waits for a condition.
pub async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let met = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE * 2, met).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// A wire to the broker that can be cut, and can go dead without a word.
pub struct Wire {
    pub url: String,
    state: watch::Sender<(u64, bool)>,
}

impl Wire {
    pub async fn new(url: &str) -> Self {
        let uri: lapin::uri::AMQPUri = url.parse().unwrap();
        let broker = (uri.authority.host.clone(), uri.authority.port);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (state, seen) = watch::channel((0, false));
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, broker.clone(), seen.clone()));
            }
        });
        let url = url.replace(&format!(":{}", uri.authority.port), &format!(":{port}"));
        Self { url, state }
    }

    /// Ends every connection.
    pub fn cut(&self) {
        self.state.send_modify(|(cuts, _)| *cuts += 1);
    }

    /// Carries nothing more on the connections there are; new ones work.
    pub fn freeze(&self) {
        self.state.send_modify(|(_, frozen)| *frozen = true);
    }
}

/// An address of the broker where every `SPOILED` that is sent loses its first two letters to bytes
/// that are no UTF-8: what a client of another encoding writes.
pub async fn spoiling(url: &str) -> String {
    let uri: lapin::uri::AMQPUri = url.parse().unwrap();
    let broker = (uri.authority.host.clone(), uri.authority.port);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (near, _) = listener.accept().await.unwrap();
        let (mut near_in, mut near_out) = near.into_split();
        let (mut far_in, mut far_out) = TcpStream::connect(broker).await.unwrap().into_split();
        tokio::spawn(async move { tokio::io::copy(&mut far_in, &mut near_out).await });
        let mut buffer = vec![0; 65536];
        while let Ok(n @ 1..) = near_in.read(&mut buffer).await {
            while let Some(at) = buffer[..n].windows(7).position(|bytes| bytes == b"SPOILED") {
                buffer[at..at + 2].copy_from_slice(b"\xb9\xf1");
            }
            far_out.write_all(&buffer[..n]).await.unwrap();
        }
    });
    url.replace(&format!(":{}", uri.authority.port), &format!(":{port}"))
}

async fn carry(mut near: TcpStream, broker: (String, u16), mut state: watch::Receiver<(u64, bool)>) {
    let Ok(mut far) = TcpStream::connect(broker).await else { return };
    let frozen = state.borrow_and_update().1;
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => return,
        _ = state.changed() => {}
    }
    if state.borrow().1 && !frozen {
        // Both sockets stay open and nobody reads.
        std::future::pending::<()>().await;
    }
}

//! Any sequence of commands keeps the promises, and the events replay to the same bytes (both are
//! checked by the kit after every decision).

use super::kit::{Case, plan};
use jiaoying::model::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Act {
    Pass(i64),
    Order(u8, u8, u8),
    Grant(u8, u8),
    Skip(u8, u8, bool),
    Report(u8, u8),
    Say(u8, bool, u8),
    Above,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..400_000_i64).prop_map(Act::Pass),
        2 => (0..12_u8, 0..4_u8, 1..8_u8).prop_map(|(k, c, g)| Act::Order(k, c, g)),
        6 => (0..8_u8, 0..2_u8).prop_map(|(c, t)| Act::Grant(c, t)),
        2 => (0..8_u8, 0..2_u8, any::<bool>()).prop_map(|(c, t, g)| Act::Skip(c, t, g)),
        4 => (0..20_u8, 0..7_u8).prop_map(|(a, f)| Act::Report(a, f)),
        4 => (0..8_u8, any::<bool>(), 0..3_u8).prop_map(|(c, y, p)| Act::Say(c, y, p)),
        1 => Just(Act::Above),
    ]
}

fn apply(c: &mut Case, n: usize, act: Act) {
    let calls = c.callout.calls.len() as u32;
    match act {
        Act::Pass(ms) => {
            c.now = c.now.plus_ms(ms);
            c.decide(Command::Tick);
        }
        Act::Order(kind, colour, mask) => {
            let all: [super::kit::Ground<'_>; 3] =
                [("g1", &[&["a"], &["v"], &["d"]]), ("g2", &[&["a", "b"], &[], &["d"]]), ("g3", &[&[], &["v"], &[]])];
            let ground: Vec<_> = all.into_iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1).map(|x| x.1).collect();
            let colour = [Colour::Blue, Colour::Yellow, Colour::Orange, Colour::Red][usize::from(colour)];
            let kind = if kind == 0 { MessageKind::Cancel } else { MessageKind::Update };
            let mut order =
                c.make(&format!("m{n}"), kind, colour, if kind == MessageKind::Cancel { &[] } else { &ground });
            order.conflict = n.is_multiple_of(5) && kind == MessageKind::Update;
            c.decide(Command::Apply(Box::new(order)));
        }
        Act::Grant(call, track) if calls > 0 => {
            let call = u32::from(call) % calls;
            let Some(t) = c.callout.calls[call as usize].tracks.get(usize::from(track)) else { return };
            let Some((channel, _)) = t.rungs.get(usize::from(t.next)).copied() else { return };
            let contact = ContactRef { contact: ContactId::from(format!("c{}", n % 3)), version: 1 };
            let rung = t.next;
            c.decide(Command::Release(Release {
                call,
                track,
                rung,
                channel,
                gateway: "gw".into(),
                contact,
                code: None,
                phrasing: PhrasingWish::default(),
                routed: None,
                bundle: Vec::new(),
            }));
        }
        Act::Skip(call, track, gateway) if calls > 0 => {
            let call = u32::from(call) % calls;
            let Some(t) = c.callout.calls[call as usize].tracks.get(usize::from(track)) else { return };
            let (rung, reason) = (t.next, if gateway { SkipReason::NoGateway } else { SkipReason::NoContact });
            c.decide(Command::Skip { call, track, rung, reason });
        }
        Act::Report(attempt, fact) if !c.callout.attempts.is_empty() => {
            let attempt = u32::from(attempt) % c.callout.attempts.len() as u32;
            let failed = |failure| Fact::Failed { failure, detail: None };
            let fact = match fact {
                0 => failed(Failure::Busy),
                1 => failed(Failure::DeadNumber),
                2 => failed(Failure::GatewayDown),
                3 => Fact::Unknown { resent: false },
                4 => Fact::Ended,
                5 => Fact::Reached { stage: Stage::Delivered, reference: None },
                _ => Fact::Reached { stage: Stage::Heard, reference: None },
            };
            c.decide(Command::Report { attempt, fact, reported_at: None, elsewhere: false });
        }
        Act::Say(call, yes, proof) if calls > 0 => {
            let answer = if yes { Answer::Yes } else { Answer::Cannot };
            let proof = [Proof::Heard, Proof::Key, Proof::Code][usize::from(proof)];
            let call = u32::from(call) % calls;
            c.decide(Command::Reply(Reply {
                call,
                attempt: None,
                answer,
                proof,
                way: AnswerWay::Sms,
                text: None,
                on_behalf: None,
                reported_at: None,
            }));
        }
        Act::Above => {
            c.decide(Command::AnsweredAbove { region: RegionCode::parse("5333").unwrap() });
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_commands_keeps_the_promises(acts in prop::collection::vec(act(), 1..60)) {
        let mut c = Case::new(plan());
        c.alert(&[("g1", &[&["a"], &["v"], &["d"]]), ("g2", &[&["a", "b"], &[], &["d"]])]);
        for (n, act) in acts.into_iter().enumerate() {
            apply(&mut c, n, act);
        }
    }
}

#[test]
fn a_round_and_the_end_that_are_due_in_one_tick_call_nobody() {
    let mut c = Case::new(plan());
    c.alert(&[("g1", &[&["a"], &["v"], &["d"]]), ("g2", &[&["a", "b"], &[], &["d"]])]);
    let passes = [
        172_944, 247_058, 343_533, 143_380, 388_399, 350_079, 245_190, 268_755, 274_960, 156_344, 239_377, 30_919,
        399_887, 339_175,
    ];
    for (n, ms) in passes.into_iter().enumerate() {
        apply(&mut c, n, Act::Pass(ms));
    }
    assert_eq!(c.callout.closed, Some(CloseReason::Expired));
}

//! Neighbours: who is called sideways, why, and that it goes one hop and nobody stands twice.

use super::*;
use jiaoying::engine::{decide, replay};
use jiaoying::model::{Beside, Callout, CalloutId, Command, Event, Relation};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// The default plan with neighbours, each `from` and its `to`.
fn plans(neighbours: &[(&str, &[&str])]) -> PlanSet {
    let mut text = DEFAULT.to_owned();
    for (from, to) in neighbours {
        text += &format!("\n[[neighbour]]\nfrom = \"{from}\"\nto = {to:?}\nsource = \"test\"\n");
    }
    PlanSet::new(vec![PlanFile::parse("p.toml", &text).unwrap()]).unwrap()
}

fn county() -> Directory {
    draft("533324").build(7).unwrap()
}

fn called(directory: &Directory, plans: &PlanSet, codes: &[&str]) -> BTreeMap<RegionCode, Order> {
    let mut message = message(MessageKind::Alert, Some(Colour::Red));
    message.areas = vec![Area { codes: codes.iter().map(|c| code(c)).collect(), ..Area::default() }];
    let cover = directory.cover(&message.areas);
    orders(directory, plans, &message, &message.warning_id(), &cover, Timestamp::default())
}

#[test]
fn targets_downstream_are_called_in_the_same_callout_and_say_why() {
    let directory = county();
    let plans = plans(&[("533324204", &["533324101", "533301"])]);
    let orders = called(&directory, &plans, &["533324204201"]);
    let order = &orders[&code("533324")];
    let because = Beside { of: code("533324204"), kind: Relation::Downstream };
    let (own, beside): (Vec<_>, Vec<_>) = order.ground.iter().partition(|g| g.beside.is_none());
    assert!(!own.is_empty() && own.iter().all(|g| code("533324204201").holds(&g.target.region)));
    assert_eq!(beside.len(), directory.targets_in(&code("533324101")).len());
    assert!(beside.iter().all(|g| g.beside.as_ref() == Some(&because) && code("533324101").holds(&g.target.region)));
    assert!(beside.iter().any(|g| g.seats.iter().any(|s| !s.answer.is_empty())), "they are called, not only listed");
    // Another county has a callout of its own, of the same warning.
    assert_eq!(orders[&code("533301")].warning, order.warning);
}

#[test]
fn the_timeline_tells_who_is_called_sideways() {
    let directory = county();
    let plans = plans(&[("533324204", &["533324101"])]);
    let (_, order) = called(&directory, &plans, &["533324204201"]).pop_first().unwrap();
    let mut callout = Callout::new(CalloutId::of(&order.region, &order.warning));
    let entries = decide(&mut callout, &Command::Apply(Box::new(order)), Timestamp(1));
    let covered = entries.iter().filter_map(|entry| match &entry.1 {
        Event::TargetCovered { spec, beside, .. } => Some((spec.region.clone(), beside.is_some())),
        _ => None,
    });
    let covered: Vec<_> = covered.collect();
    assert!(covered.iter().any(|(_, beside)| *beside));
    assert!(covered.iter().all(|(region, beside)| code("533324101").holds(region) == *beside));
    assert!(callout.targets.iter().all(|t| t.beside.is_some() == code("533324101").holds(&t.spec.region)));
    let kept = serde_json::to_string(&entries).unwrap();
    assert_eq!(replay(callout.id.clone(), &serde_json::from_str::<Vec<_>>(&kept).unwrap()), callout);
}

#[test]
fn only_ground_in_from_calls_and_circles_end_after_one_hop() {
    let directory = county();
    let circle = plans(&[("533324204", &["533324101"]), ("533324101", &["533324102"]), ("533324102", &["533324204"])]);
    let townships = |codes: &[&str]| -> BTreeSet<String> {
        let orders = called(&directory, &circle, codes);
        orders.values().flat_map(|o| &o.ground).map(|g| g.target.region.as_str()[..9].to_owned()).collect()
    };
    assert_eq!(townships(&["533324204"]), ["533324101", "533324204"].map(String::from).into());
    assert_eq!(townships(&["533324202"]), ["533324202"].map(String::from).into());
}

#[test]
fn a_relation_that_makes_no_sense_is_refused_at_its_place() {
    let with = |relation: &str| PlanFile::parse("p.toml", &format!("{DEFAULT}\n[[neighbour]]\n{relation}\n"));
    for (relation, expected) in [
        ("from = \"533324204\"\nto = [\"533324204\"]\nsource = \"t\"", "no neighbour of itself"),
        ("from = \"533324204\"\nto = [\"533324204201\"]\nsource = \"t\"", "no neighbour of itself"),
        ("from = \"533324204\"\nto = []\nsource = \"t\"", "to is empty"),
        ("from = \"533324204\"\nto = [\"533324101\"]\nsource = \" \"", "source is empty"),
    ] {
        let found = first(with(relation));
        assert!(found.starts_with("p.toml / neighbour 533324204: ") && found.contains(expected), "{found}");
    }
    let unreadable = with("from = \"53332\"\nto = [\"533324101\"]\nsource = \"t\"");
    assert!(first(unreadable).starts_with("p.toml line "));
    // What the directory does not know is named when plans are held against it.
    let report = check(&plans(&[("533324204", &["533324999"])]), &county(), Timestamp::default());
    assert!(!report.accepted());
    let found = report.findings.iter().map(ToString::to_string).find(|f| f.contains("533324999")).unwrap();
    assert_eq!(found, "p.toml / neighbour 533324204: the directory has no place 533324999");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    /// Whatever the relations: no target stands twice, what the message names is its own, nothing of it is lost.
    #[test]
    fn no_target_appears_twice(
        relations in proptest::collection::vec((0_usize..6, proptest::collection::vec(0_usize..6, 1..4)), 0..6),
        covered in proptest::collection::vec(0_usize..6, 1..4),
    ) {
        let directory = county();
        let towns: Vec<String> = directory
            .regions_in(&code("533324"), jiaoying::model::Level::Township)
            .map(|r| r.code.to_string())
            .collect();
        let name = |ix: usize| towns[ix % towns.len()].as_str();
        let relations: Vec<(&str, Vec<&str>)> = relations
            .iter()
            .map(|(from, to)| (name(*from), to.iter().map(|t| name(*t)).filter(|t| *t != name(*from)).collect()))
            .filter(|(_, to): &(&str, Vec<&str>)| !to.is_empty())
            .collect();
        let relations: Vec<(&str, &[&str])> = relations.iter().map(|(from, to)| (*from, &**to)).collect();
        let codes: Vec<&str> = covered.iter().map(|c| name(*c)).collect();
        let orders = called(&directory, &plans(&relations), &codes);
        let ground: Vec<_> = orders.values().flat_map(|o| &o.ground).collect();
        let ids: BTreeSet<_> = ground.iter().map(|g| (g.tier, &g.target.id)).collect();
        prop_assert_eq!(ids.len(), ground.len());
        for g in &ground {
            let named = codes.iter().any(|c| code(c).holds(&g.target.region));
            prop_assert_eq!(named, g.beside.is_none());
        }
        let own: usize = codes.iter().collect::<BTreeSet<_>>().iter().map(|c| directory.targets_in(&code(c)).len()).sum();
        prop_assert_eq!(ground.iter().filter(|g| g.beside.is_none()).count(), own);
    }
}

//! Reports from the ground that come as short messages.

use super::*;

/// Somebody who was sent a short message about one target only, and how many persons live there.
fn of_one_target(c: &Case, id: &CalloutId) -> (String, u32) {
    let callout = c.cell.callouts().find(|callout| callout.id == *id).unwrap();
    let texts = c.sent.iter().filter(|a| a.key.callout == *id && a.channel == Channel::Sms);
    let one = texts.filter_map(|a| match callout.attempts[a.key.attempt as usize].targets[..] {
        [target] => Some((a.number.clone(), callout.targets[target as usize].spec.persons)),
        _ => None,
    });
    one.into_iter().find(|(_, persons)| *persons > 0).unwrap()
}

#[test]
fn whoever_reports_by_short_message_is_told_why_it_does_not_count() {
    for ask_max in [2, 0] {
        let mut c = Case::new(ask_max);
        let id = c.message("暴雨", MessageKind::Alert);
        let (from, persons) = of_one_target(&c, &id);
        for (text, reason, told) in [
            (format!("4 {}人", persons + 1), NoteReason::AboveRoster, "数字超过底册"),
            ("4 -5人".into(), NoteReason::BadFigure, "数字有误"),
        ] {
            let events = c.text(&id, &from, &text, None);
            assert_eq!(noted(&events), Some(reason), "{events:?}");
            let asked = c.last(&id, Purpose::AskCode, Channel::Sms);
            assert_eq!(asked.is_some(), ask_max > 0);
            assert!(asked.is_none_or(|a| a.number == from && a.text.contains(told)), "{asked:?}");
        }
        let callout = c.cell.callouts().find(|callout| callout.id == id).unwrap();
        assert!(callout.targets.iter().all(|t| t.progress.moving_at.is_none()), "none of it counts");
    }
}

#[test]
fn figures_and_the_shelter_come_by_short_message() {
    let mut c = Case::new(2);
    let id = c.message("暴雨", MessageKind::Alert);
    let (from, persons) = of_one_target(&c, &id);
    let events = c.text(&id, &from, &format!("4 {persons}人，安置点：村小学3号楼"), None);
    let told = events.iter().find_map(|e| match e {
        Event::ActionReported { action: Action::Done(figures), shelter, text, .. } => Some((figures, shelter, text)),
        _ => None,
    });
    let (figures, shelter, text) = told.unwrap_or_else(|| panic!("{events:?}"));
    assert_eq!(figures.persons, persons);
    let callout = c.cell.callouts().find(|callout| callout.id == id).unwrap();
    assert!(callout.targets.iter().any(|t| t.progress.shelter == *shelter && shelter.is_some()));
    assert_ne!(shelter, text, "the place is sealed by itself");
}

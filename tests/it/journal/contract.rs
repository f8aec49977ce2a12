//! What every store does with rows.

use super::make::{blob, callout, commit, group, item, item_of, message, name, parked, records, salt};
use crate::support::store::Store;
use futures::future::join_all;
use jiaoying::journal::{Conflict, Group, JournalError, MessageName, SelectCallouts, verify_chain};
use jiaoying::model::{Colour, Command, Digest, RegionCode, Timestamp};

pub async fn records_come_back_exactly(s: Store) {
    let written = records("a", 0, 4);
    commit(&*s.journal, vec![Group { records: written.clone(), ..Group::default() }]).await;
    let read = s.journal.read("a".into(), 0, 100).await.unwrap();
    assert_eq!(read, written);
    assert_eq!(verify_chain(&read).unwrap(), written[3].hash);
    assert_eq!(s.journal.read("b".into(), 0, 100).await.unwrap(), []);
}

pub async fn reading_starts_at_the_record_that_holds_the_sequence(s: Store) {
    let entries: Vec<u32> = (0..600).collect();
    let stream = "a".into();
    let written = jiaoying::journal::Record::chain(&stream, 0, Digest::default(), Timestamp(1), &entries).unwrap();
    commit(&*s.journal, vec![Group { records: written.clone(), ..Group::default() }]).await;
    for (from, limit, firsts) in [
        (0, 9, vec![0, 256, 512]),
        (255, 9, vec![0, 256, 512]),
        (256, 9, vec![256, 512]),
        (300, 1, vec![256]),
        (599, 9, vec![512]),
        (600, 9, vec![]),
        (u64::MAX, 9, vec![]),
        (0, 0, vec![]),
    ] {
        let read = s.journal.read(stream.clone(), from, limit).await.unwrap();
        assert_eq!(read.iter().map(|r| r.first).collect::<Vec<_>>(), firsts, "from {from}");
    }
}

pub async fn a_place_is_given_once(s: Store) {
    assert_eq!(commit(&*s.journal, vec![group("a", 0, 2)]).await, [Ok(())]);
    assert_eq!(commit(&*s.journal, vec![group("a", 0, 1)]).await, [Err(Conflict)]);
    assert_eq!(commit(&*s.journal, vec![group("a", 1, 3)]).await, [Err(Conflict)]);
    assert_eq!(s.journal.read("a".into(), 0, 9).await.unwrap(), records("a", 0, 2));
}

pub async fn streams_are_listed_by_their_beginning(s: Store) {
    let names = ["report/b-1", "533324-x", "report/a-1", "report", "report0", "report/险", "Report/c"];
    commit(&*s.journal, names.iter().map(|name| group(name, 0, 2)).collect()).await;
    commit(&*s.journal, vec![group("report/a-1", 2, 3)]).await;
    let listed = s.journal.streams("report/".into()).await.unwrap();
    assert_eq!(listed.iter().map(|s| s.as_str()).collect::<Vec<_>>(), ["report/a-1", "report/b-1", "report/险"]);
    assert_eq!(s.journal.streams("none/".into()).await.unwrap(), []);
}

pub async fn a_gap_is_a_conflict(s: Store) {
    assert_eq!(commit(&*s.journal, vec![group("a", 1, 2)]).await, [Err(Conflict)]);
    commit(&*s.journal, vec![group("a", 0, 2)]).await;
    assert_eq!(commit(&*s.journal, vec![group("a", 3, 4)]).await, [Err(Conflict)]);
    let mut holed = records("a", 2, 5);
    holed.remove(1);
    assert_eq!(commit(&*s.journal, vec![Group { records: holed, ..Group::default() }]).await, [Err(Conflict)]);
    assert_eq!(commit(&*s.journal, vec![group("a", 2, 4)]).await, [Ok(())]);
}

pub async fn a_conflict_leaves_the_other_groups_stored(s: Store) {
    commit(&*s.journal, vec![group("s3", 0, 1)]).await;
    let groups = (0..7).map(|n| group(&format!("s{n}"), 0, 2)).collect();
    let expected: Vec<_> = (0..7).map(|n| if n == 3 { Err(Conflict) } else { Ok(()) }).collect();
    assert_eq!(commit(&*s.journal, groups).await, expected);
    for n in 0..7 {
        let read = s.journal.read(format!("s{n}").into(), 0, 9).await.unwrap();
        assert_eq!(read.len(), if n == 3 { 1 } else { 2 }, "s{n}");
    }
}

pub async fn a_group_is_stored_whole_or_not_at_all(s: Store) {
    let j = &*s.journal;
    commit(j, vec![group("a", 0, 1), Group { posts: vec![item("i", Colour::Red, 1)], ..Group::default() }]).await;
    let bad = Group {
        records: [records("b", 0, 1), records("a", 0, 1)].concat(),
        taken: vec!["i".into()],
        posts: vec![item("k", Colour::Red, 1)],
        message: Some(message("m")),
        names: vec![name("m", "00ff")],
        callouts: vec![callout("a", 1, None)],
        blobs: vec![blob(b"x")],
        salts: vec![salt("person/1", 1)],
    };
    assert_eq!(commit(j, vec![bad, group("c", 0, 1)]).await, [Err(Conflict), Ok(())]);
    assert_eq!(j.read("b".into(), 0, 9).await.unwrap(), []);
    assert_eq!(j.inbox(vec![], 9).await.unwrap(), [item("i", Colour::Red, 1)]);
    assert_eq!(j.message("530000".into(), "m".into()).await.unwrap(), None);
    assert_eq!(j.names("m".into()).await.unwrap(), []);
    assert_eq!(j.callouts(SelectCallouts::Open).await.unwrap(), []);
    assert_eq!(j.blob(Digest::of(b"x")).await.unwrap(), None);
    assert_eq!(j.salt("person/1".into()).await.unwrap(), None);
    assert_eq!(j.read("c".into(), 0, 9).await.unwrap().len(), 1);
}

pub async fn groups_of_a_batch_see_each_other_in_order(s: Store) {
    let results = commit(&*s.journal, vec![group("a", 1, 2), group("a", 0, 1), group("a", 0, 1), group("a", 1, 2)]);
    assert_eq!(results.await, [Err(Conflict), Ok(()), Err(Conflict), Ok(())]);
    assert_eq!(s.journal.read("a".into(), 0, 9).await.unwrap(), records("a", 0, 2));
}

pub async fn an_identity_is_claimed_once(s: Store) {
    let claim = |id, stream| Group { message: Some(message(id)), ..group(stream, 0, 1) };
    assert_eq!(commit(&*s.journal, vec![claim("1", "a")]).await, [Ok(())]);
    let results = commit(&*s.journal, vec![claim("2", "b"), claim("1", "c"), claim("2", "d"), claim("3", "e")]).await;
    assert_eq!(results, [Ok(()), Err(Conflict), Err(Conflict), Ok(())]);
    assert_eq!(s.journal.message("530000".into(), "2".into()).await.unwrap(), Some(message("2")));
    assert_eq!(s.journal.message("530001".into(), "2".into()).await.unwrap(), None);
    for (stream, len) in [("a", 1), ("b", 1), ("c", 0), ("d", 0), ("e", 1)] {
        assert_eq!(s.journal.read(stream.into(), 0, 9).await.unwrap().len(), len, "{stream}");
    }
}

pub async fn a_name_leads_to_one_warning(s: Store) {
    let claim = |names: &[(&str, &str)], stream| Group {
        names: names.iter().map(|(id, warning)| name(id, warning)).collect(),
        ..group(stream, 0, 1)
    };
    let batch = vec![
        claim(&[("1", "a"), ("2", "a")], "s"),
        claim(&[("2", "a"), ("3", "a")], "t"),
        claim(&[("4", "b"), ("2", "b")], "u"),
        claim(&[("5", "b"), ("5", "c")], "v"),
    ];
    assert_eq!(commit(&*s.journal, batch).await, [Ok(()), Ok(()), Err(Conflict), Err(Conflict)]);
    for (id, warning) in [("1", Some("a")), ("2", Some("a")), ("3", Some("a")), ("4", None), ("5", None)] {
        let found = s.journal.names(id.into()).await.unwrap();
        assert_eq!(found, warning.map(|w| name(id, w)).into_iter().collect::<Vec<_>>(), "{id}");
    }
    assert_eq!(s.journal.read("u".into(), 0, 9).await.unwrap(), []);
    let other = MessageName { sender: "530001".into(), ..name("1", "z") };
    assert_eq!(commit(&*s.journal, vec![Group { names: vec![other.clone()], ..Group::default() }]).await, [Ok(())]);
    assert_eq!(s.journal.names("1".into()).await.unwrap(), [name("1", "a"), other]);
}

pub async fn doors_claiming_one_identity_at_once_leave_one_winner(s: Store) {
    for round in 0..5 {
        let id = format!("m{round}");
        let doors = (0..8).map(|door| {
            let other = Group { message: Some(message(&format!("{id} of {door}"))), ..Group::default() };
            let posts = vec![item(&format!("{id}/{door}"), Colour::Red, round)];
            let groups = vec![other, Group { message: Some(message(&id)), posts, ..Group::default() }];
            let journal = s.journal.clone();
            tokio::spawn(async move { commit(&*journal, groups).await })
        });
        let results: Vec<_> = join_all(doors).await.into_iter().map(Result::unwrap).collect();
        assert!(results.iter().all(|r| r[0] == Ok(())), "a group beside the conflict");
        assert_eq!(results.iter().filter(|r| r[1] == Ok(())).count(), 1, "{id}");
    }
    assert_eq!(s.journal.inbox(vec![], 99).await.unwrap().len(), 5);
}

async fn ids(s: &Store, except: &[&str], limit: usize) -> Vec<String> {
    let items = s.journal.inbox(except.iter().map(ToString::to_string).collect(), limit).await.unwrap();
    items.into_iter().map(|i| i.id).collect()
}

pub async fn the_inbox_is_taken_red_first(s: Store) {
    let items = [
        item("blue", Colour::Blue, 1),
        item("red late", Colour::Red, 9),
        item("B", Colour::Red, 5),
        item("a", Colour::Red, 5),
        item("é", Colour::Red, 5),
        item("orange", Colour::Orange, 2),
        item("yellow", Colour::Yellow, 0),
    ];
    commit(&*s.journal, vec![Group { posts: items.to_vec(), ..Group::default() }]).await;
    assert_eq!(ids(&s, &[], 99).await, ["B", "a", "é", "red late", "orange", "yellow", "blue"]);
    assert_eq!(ids(&s, &["a", "orange", "nowhere"], 4).await, ["B", "é", "red late", "yellow"]);
    commit(&*s.journal, vec![Group { taken: vec!["B".into(), "gone".into()], ..Group::default() }]).await;
    assert_eq!(ids(&s, &[], 2).await, ["a", "é"]);
}

pub async fn a_callouts_items_keep_their_order_whatever_the_limit(s: Store) {
    let items = [
        item_of("c", "c: blue alert", Colour::Blue, 1),
        item_of("c", "c: red update", Colour::Red, 5),
        item_of("c", "c: blue again", Colour::Blue, 6),
        item_of("d", "d: orange", Colour::Orange, 0),
        item_of("e", "e: red", Colour::Red, 4),
    ];
    commit(&*s.journal, vec![Group { posts: items.to_vec(), ..Group::default() }]).await;
    let order = ["c: blue alert", "e: red", "c: red update", "c: blue again", "d: orange"];
    for limit in 0..6 {
        assert_eq!(ids(&s, &[], limit).await, order[..limit.min(5)], "limit {limit}");
    }
    // What is taken and not committed yet still says how grave its callout is.
    assert_eq!(ids(&s, &["c: blue alert", "c: red update"], 2).await, ["e: red", "c: blue again"]);
}

pub async fn a_post_is_posted_once(s: Store) {
    let post = |i| Group { posts: vec![i], ..Group::default() };
    let first = item("i", Colour::Blue, 1);
    commit(&*s.journal, vec![post(first.clone()), post(item("i", Colour::Red, 2))]).await;
    assert_eq!(commit(&*s.journal, vec![post(item("i", Colour::Red, 3))]).await, [Ok(())]);
    assert_eq!(s.journal.inbox(vec![], 9).await.unwrap(), [first]);
}

pub async fn taken_and_posted_again_in_one_batch(s: Store) {
    let post = |at| Group { posts: vec![item("i", Colour::Blue, at)], ..Group::default() };
    let take = || Group { taken: vec!["i".into()], ..Group::default() };
    commit(&*s.journal, vec![post(1), take()]).await;
    assert_eq!(s.journal.inbox(vec![], 9).await.unwrap(), []);
    commit(&*s.journal, vec![post(2), take(), post(3), post(4)]).await;
    assert_eq!(s.journal.inbox(vec![], 9).await.unwrap(), [item("i", Colour::Blue, 3)]);
    let mut other = item("k", Colour::Blue, 5);
    other.command = Command::AnsweredAbove { region: RegionCode::parse("533324").unwrap() };
    commit(&*s.journal, vec![Group { posts: vec![other.clone()], ..take() }]).await;
    assert_eq!(s.journal.inbox(vec![], 9).await.unwrap(), [other]);
}

async fn names(s: &Store, select: SelectCallouts) -> String {
    let rows = s.journal.callouts(select).await.unwrap();
    rows.into_iter().map(|c| c.stream.to_string()).collect()
}

pub async fn callouts_are_listed(s: Store) {
    let rows = [callout("c", 10, None), callout("b", 20, None), callout("a", 20, Some(25)), callout("d", 5, Some(6))];
    let closed = callout("b", 20, Some(30));
    let put = |callouts: &[_]| Group { callouts: callouts.to_vec(), ..Group::default() };
    // Opened and closed in one batch: the last word counts.
    commit(&*s.journal, vec![put(&rows), put(&[callout("e", 1, None)]), put(&[callout("e", 1, Some(2))])]).await;
    assert_eq!(names(&s, SelectCallouts::Open).await, "bc");
    commit(&*s.journal, vec![put(std::slice::from_ref(&closed))]).await;
    assert_eq!(names(&s, SelectCallouts::Open).await, "c");
    assert_eq!(names(&s, SelectCallouts::ClosedSince(Timestamp(25))).await, "ab");
    assert_eq!(names(&s, SelectCallouts::Before { before: Timestamp(99), limit: 9 }).await, "abcde");
    assert_eq!(names(&s, SelectCallouts::Before { before: Timestamp(20), limit: 1 }).await, "c");
    assert_eq!(s.journal.callouts(SelectCallouts::ClosedSince(Timestamp(30))).await.unwrap(), [closed]);
}

pub async fn blobs_and_salts_keep_their_first_value(s: Store) {
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let first = Group { blobs: vec![blob(&bytes), blob(&bytes)], salts: vec![salt("p", 1)], ..Group::default() };
    let again = Group { blobs: vec![blob(&bytes), blob(b"")], salts: vec![salt("p", 2)], ..Group::default() };
    assert_eq!(commit(&*s.journal, vec![first, again.clone()]).await, [Ok(()), Ok(())]);
    assert_eq!(commit(&*s.journal, vec![again.clone()]).await, [Ok(())]);
    assert_eq!(s.journal.blob(Digest::of(&bytes)).await.unwrap(), Some(blob(&bytes)));
    assert_eq!(s.journal.blob(Digest::of(b"")).await.unwrap(), Some(blob(b"")));
    assert_eq!(s.journal.salt("p".into()).await.unwrap(), Some([1; 32]));
    s.journal.erase("p".into()).await.unwrap();
    s.journal.erase("nobody".into()).await.unwrap();
    assert_eq!(s.journal.salt("p".into()).await.unwrap(), None);
    commit(&*s.journal, vec![again]).await;
    assert_eq!(s.journal.salt("p".into()).await.unwrap(), Some([2; 32]));
}

pub async fn parked_documents_are_kept_once_newest_first(s: Store) {
    for (id, at) in [("b", 2), ("a", 2), ("c", 3), ("a", 9)] {
        assert_eq!(s.journal.park(parked(id, at)).await.unwrap(), (id, at) != ("a", 9), "{id} {at}: told as new");
    }
    assert_eq!(s.journal.parked(9).await.unwrap(), [parked("c", 3), parked("a", 2), parked("b", 2)]);
    assert_eq!(s.journal.parked(1).await.unwrap(), [parked("c", 3)]);
}

pub async fn directory_versions_count_up(s: Store) {
    let j = &s.journal;
    assert_eq!(j.directory(None).await.unwrap(), None);
    let chunks: Vec<Vec<u8>> = (0..12_u8).map(|n| vec![n; 3000]).collect();
    assert_eq!(j.put_directory(false, Timestamp(7), chunks.clone()).await.unwrap(), 1);
    assert_eq!(j.directory(None).await.unwrap(), None, "a draft is not in force");
    assert_eq!(j.directory(Some(1)).await.unwrap().unwrap().chunks, chunks);
    let made = join_all((0..6).map(|n| j.put_directory(n == 0, Timestamp(8), vec![vec![n]]))).await;
    let mut numbers: Vec<_> = made.into_iter().map(Result::unwrap).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [2, 3, 4, 5, 6, 7]);
    assert_eq!(j.directory(None).await.unwrap().unwrap().chunks, [[0]]);
    j.publish_directory(7).await.unwrap();
    let last = j.directory(None).await.unwrap().unwrap();
    assert_eq!((last.version, last.published, last.stored_at), (7, true, Timestamp(8)));
    let e = j.publish_directory(8).await.unwrap_err();
    assert!(matches!(&e, JournalError::Damaged { place, .. } if place == "directory version 8"), "{e}");
    assert_eq!(j.directory(Some(8)).await.unwrap(), None);
}

pub async fn cursors_are_remembered(s: Store) {
    let j = &s.journal;
    assert_eq!(j.cursors("board".into()).await.unwrap(), []);
    j.set_cursors("board".into(), vec![("b".into(), 3), ("a".into(), 1), ("a".into(), 2)]).await.unwrap();
    j.set_cursors("search".into(), vec![("a".into(), 9)]).await.unwrap();
    j.set_cursors("board".into(), vec![("b".into(), 5)]).await.unwrap();
    j.set_cursors("board".into(), vec![]).await.unwrap();
    assert_eq!(j.cursors("board".into()).await.unwrap(), [("a".into(), 2), ("b".into(), 5)]);
}

pub async fn an_empty_batch_is_stored(s: Store) {
    assert_eq!(commit(&*s.journal, vec![]).await, []);
    assert_eq!(commit(&*s.journal, vec![Group::default()]).await, [Ok(())]);
}

//! The import: good and faulty folders, encodings, workbooks, drafts.

use super::key;
use jiaoying::directory::{Book, ImportOptions, import, yunnan};
use jiaoying::model::{Channel, Holders, Point, Severity, TargetKind, Timestamp};
use std::path::Path;

fn fixture(name: &str) -> Book {
    Book::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/directory").join(name)).unwrap()
}

fn csv(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/directory/good").join(name);
    std::fs::read(path).unwrap()
}

const STRICT: ImportOptions = ImportOptions { draft: false, accept_shared_numbers: false };
const DRAFT: ImportOptions = ImportOptions { draft: true, accept_shared_numbers: false };

#[test]
fn a_good_folder_becomes_a_directory() {
    let imported = import(&fixture("good"), &key(), STRICT).unwrap();
    assert_eq!(imported.findings, []);
    let directory = imported.draft.build(3).unwrap();
    assert_eq!(directory.place("533324204299"), "新村村委会", "a region of the sheet");
    assert_eq!(directory.place("533324204201"), "孔当村民委员会", "renamed by the sheet");
    assert_eq!(directory.regions().len(), yunnan().len() + 1);
    let slope = directory.target(&"D-0017".into()).unwrap();
    assert_eq!((slope.kind, slope.region.as_str(), slope.risk), (TargetKind::HazardPoint, "533324204", 5));
    assert_eq!((slope.households, slope.persons, slope.special), (6, 21, 2));
    assert_eq!(slope.point, Some(Point { lat: 27.9, lon: 98.35 }));
    let second = directory.target(&"533324204201-G002".into()).unwrap();
    assert_eq!((second.special, second.risk, second.point), (0, 0, None));

    // Two rows with one number and name are one person, with the numbers of both.
    let now = Timestamp::parse_iso("2026-07-03T23:59:59+08:00").unwrap();
    let first = directory.target(&"533324204201-G001".into()).unwrap();
    let holders = directory.seats("grid", Holders::Everyone, first, now);
    assert_eq!(directory.seats("grid", Holders::Present, second, now), holders[..1]);
    let mu = directory.person(&holders[0]).unwrap();
    let numbers: Vec<(&str, &[Channel])> =
        mu.contacts.iter().map(|c| (c.number.as_str(), c.channels.as_slice())).collect();
    let mobile = [Channel::Sms, Channel::Voice].as_slice();
    assert_eq!(numbers, [("+8619900001001", mobile), ("+868863511234", &[Channel::Voice]), ("+8619900001002", mobile)]);
    assert_eq!(mu.contacts[1].id.as_str(), format!("{}.2", mu.id));
    let kong = directory.person(&holders[1]).unwrap();
    assert_eq!((kong.language.as_str(), kong.contacts[0].channels.as_slice()), ("drs", [Channel::Sms].as_slice()));
    assert!(kong.is_away(now) && !kong.is_away(now.plus_ms(1000)), "away until the day is over");

    let speaker = directory.seats("speaker", Holders::Everyone, first, now);
    let speaker = directory.person(&speaker[0]).unwrap();
    assert_eq!(
        (speaker.contacts[0].number.as_str(), speaker.contacts[0].channels.as_slice()),
        ("speaker-0007", [Channel::Broadcast].as_slice())
    );
    assert_eq!(directory.seats("township_duty", Holders::Present, slope, now).len(), 1);
    assert_eq!(directory.by_number("+8619900001004").len(), 1);
}

#[test]
fn text_of_every_usual_encoding_gives_the_same() {
    let expected = import(&fixture("good"), &key(), STRICT).unwrap();
    let encodings = |file: &str| -> [Vec<u8>; 4] {
        let text = String::from_utf8(csv(file)).unwrap();
        let utf16 = std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes);
        [
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            encoding_rs::GB18030.encode(&text).0.into_owned(),
            utf16.collect(),
            text.replace('\n', "\r\n").into_bytes(),
        ]
    };
    for way in 0..4 {
        let mut book = Book::default();
        for (sheet, file) in [("targets", "targets.csv"), ("责任人", "responsible.csv"), ("区划", "regions.csv")] {
            book.add_csv(sheet, &encodings(file)[way]).unwrap();
        }
        assert!(import(&book, &key(), STRICT).unwrap() == expected, "encoding {way}");
    }
}

#[test]
fn a_workbook_with_numbers_and_dates_as_excel_keeps_them_gives_the_same() {
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let day = rust_xlsxwriter::Format::new().set_num_format("yyyy-mm-dd");
    for (title, file) in
        [("说明", ""), ("targets", "targets.csv"), ("责任人", "responsible.csv"), ("regions", "regions.csv")]
    {
        let sheet = workbook.add_worksheet().set_name(title).unwrap();
        let text = if file.is_empty() { "随便写".to_owned() } else { String::from_utf8(csv(file)).unwrap() };
        for (row, line) in (0u32..).zip(text.lines()) {
            for (column, cell) in (0u16..).zip(line.split(',')) {
                if let Ok(number) = cell.parse::<f64>() {
                    sheet.write_number(row, column, number).unwrap();
                } else if cell.starts_with("2026-") {
                    let date = rust_xlsxwriter::ExcelDateTime::parse_from_str(cell).unwrap();
                    sheet.write_datetime_with_format(row, column, date, &day).unwrap();
                } else {
                    sheet.write_string(row, column, cell).unwrap();
                }
            }
        }
    }
    let book = Book::from_xlsx(workbook.save_to_buffer().unwrap()).unwrap();
    let imported = import(&book, &key(), STRICT).unwrap();
    assert!(imported == import(&fixture("good"), &key(), STRICT).unwrap());
    assert!(Book::from_xlsx(b"no workbook".to_vec()).is_err());
}

#[test]
fn every_fault_is_told_with_its_place_and_nothing_is_taken() {
    let findings = import(&fixture("faulty"), &key(), STRICT).unwrap_err();
    let places: Vec<&str> = findings.iter().map(|f| f.place.as_str()).collect();
    assert_eq!(
        places,
        [
            "targets sheet / row 3 / column id",
            "targets sheet / row 4 / column region",
            "targets sheet / row 5 / column kind",
            "targets sheet / row 6 / column households",
            "targets sheet / row 7 / column special",
            "targets sheet / row 8 / column risk",
            "targets sheet / row 9 / column lon",
            "targets sheet / row 10 / column name",
            "targets sheet / row 10 / column lat",
            "targets sheet / row 11 / column id",
            "targets sheet / row 12 / column region",
            "responsible sheet / row 3 / column 电话",
            "responsible sheet / row 4 / column 地点",
            "responsible sheet / row 5 / column 姓名",
            "responsible sheet / row 6 / column 电话",
            "responsible sheet / row 7 / column 电话",
            "responsible sheet / row 8 / column 电话",
            "responsible sheet / row 9 / column 岗位",
            "responsible sheet / row 10 / column 渠道",
            "responsible sheet / row 10 / column 顺序",
            "responsible sheet / row 10 / column 语言",
            "responsible sheet / row 11 / column 离岗止",
            "responsible sheet / row 12 / column 姓名",
        ]
    );
    let reasons = findings.iter().map(|f| f.reason.as_str()).collect::<Vec<_>>().join("\n");
    for secret in ["19900002", "1990000200", "好人", "坏号", "同号"] {
        assert!(!reasons.contains(secret), "{secret} in {reasons}");
    }
    assert!(reasons.contains("the nearest known region above is 533324204"));
}

#[test]
fn a_draft_keeps_the_good_rows_and_tells_the_rest() {
    let strict = import(&fixture("faulty"), &key(), STRICT).unwrap_err();
    let imported = import(&fixture("faulty"), &key(), DRAFT).unwrap();
    assert_eq!(imported.findings.len(), strict.len());
    assert!(imported.findings.iter().all(|f| f.severity == Severity::Notice));
    assert_eq!(imported.draft.targets.len(), 1);
    // The one good person, and the one whose number is shared and must be confirmed.
    assert_eq!((imported.draft.people.len(), imported.draft.postings.len()), (2, 2));
    imported.draft.build(1).unwrap();
}

#[test]
fn a_shared_number_blocks_until_somebody_confirms_it() {
    let rows = "post,ground,name,phone\ncounty_duty,533324,甲,19900003001\ncounty_duty,533324,乙,19900003001\n";
    let mut book = fixture("good");
    book.add_csv("responsible", rows.as_bytes()).unwrap();
    let findings = import(&book, &key(), STRICT).unwrap_err();
    assert_eq!(findings[0].place, "responsible sheet / row 3 / column phone");
    let confirmed = import(&book, &key(), ImportOptions { accept_shared_numbers: true, ..STRICT }).unwrap();
    assert_eq!(confirmed.findings.len(), 1);
    let directory = confirmed.draft.build(1).unwrap();
    assert_eq!(directory.by_number("19900003001").len(), 2);
}

#[test]
fn wrong_headers_and_missing_sheets_are_refused_even_for_a_draft() {
    let refused = |sheet: &str, text: &str| -> Vec<String> {
        let mut book = fixture("good");
        book.add_csv(sheet, text.as_bytes()).unwrap();
        import(&book, &key(), DRAFT).unwrap_err().into_iter().map(|f| f.place).collect()
    };
    let header = "编号,名称,类型,区划代码,户口,名称\n";
    let row_1 = "targets sheet / row 1 / column ";
    assert_eq!(refused("targets", header), [format!("{row_1}户口"), format!("{row_1}名称")]);
    let missing = ["岗位", "地点", "电话"].map(|c| format!("responsible sheet / row 1 / column {c}"));
    assert_eq!(refused("responsible", "name\n"), missing);
    assert_eq!(refused("responsible", ""), ["responsible sheet"]);
    let places: Vec<String> =
        import(&Book::default(), &key(), DRAFT).unwrap_err().into_iter().map(|f| f.place).collect();
    assert_eq!(places, ["targets sheet", "responsible sheet"]);
    assert!(Book::open(Path::new("/nowhere/at/all")).is_err());
    assert!(Book::default().add_csv("targets", b"\x81\xff\xff,\xff").is_err());
}

#[test]
fn a_person_keeps_the_name_in_timelines_from_version_to_version() {
    let id = |extra: &str| {
        let rows = format!("post,ground,name,phone,phone2\n{extra}county_duty,533324,甲,199 0000 3001,19900003009\n");
        let mut book = fixture("good");
        book.add_csv("responsible", rows.as_bytes()).unwrap();
        let directory = import(&book, &key(), STRICT).unwrap().draft.build(1).unwrap();
        directory.by_number("19900003001")[0].clone()
    };
    assert_eq!(id(""), id("village,533324204201,乙,19900003002,\n"));
    assert_eq!(id("").as_str().len(), 16);
}

//! Findings in Chinese, for the officer who reads them. The English sentence is what is stored and sent;
//! the Chinese one is made from it, so that documents parked long ago are told in both.

use super::Finding;

/// What an unknown sentence (most come from a library) is told as: the place stands beside it.
const UNREADABLE: &str = "此处有误，无法读取，详见英文";

/// Sentences: English as `Finding::reason` has it, and Chinese. `{}` stands for what is taken over, in order.
const SENTENCES: &[(&str, &str)] = &[
    // The desk and the senders.
    ("{} is not a registered sender", "{}：未登记的发报单位"),
    ("account {} may not post as {}", "账号 {} 无权以 {} 的名义发报"),
    ("account {} may not post status {}", "账号 {} 无权发性质为 {} 的报文"),
    ("account {} may not post hazard {}", "账号 {} 无权发灾种为 {} 的报文"),
    ("account {} may not post for {}", "账号 {} 无权对 {} 发报"),
    ("no ground is left that the account may post for", "该账号无权对报文中的任何地区发报"),
    ("{} targets lie in regions that the account may not post for", "{} 处责任区不在该账号的发报范围内"),
    (
        "sender and identifier must not hold a zero character or a unit separator",
        "发报单位和标识中不得有空字符或单元分隔符",
    ),
    ("the drill is suspended in {}: the real {} is open", "{} 的演练中止：真实叫应 {} 正在进行"),
    (
        "another document with this identifier was taken before, and this one neither raises the colour nor adds ground to a warning in force",
        "同一标识的另一份报文已经收下；本报文既未提高颜色，也未给有效预警增加地区",
    ),
    ("the ground lies outside every region of the directory", "报文中的地区都不在责任人名录之内"),
    ("nobody is called for {}: it lies outside the directory", "{} 不在责任人名录之内，未叫任何人"),
    ("nobody is called: the message is not for an actual event", "报文性质不是实际发布，未叫任何人"),
    (
        "nobody is called: a later message of this warning, or its cancellation, was taken before",
        "该预警更晚的报文或解除报文已先收下，未叫任何人",
    ),
    ("nobody is called: the warning's time ran out before it came", "报文到达时预警已过期，未叫任何人"),
    ("a short message came from a number to which no open callout was sent", "收到短信，但没有进行中的叫应发往该号码"),
    (
        "an inner fault; the document is kept and the duty engineer is told",
        "系统内部故障；报文已保存，已告知值班工程师",
    ),
    // Documents.
    (
        "not a time with an offset (such as 2026-07-01T04:18:00+08:00): {}; left out",
        "不是带时区的时间（例如 2026-07-01T04:18:00+08:00）：{}；已略去",
    ),
    ("missing", "缺少此项"),
    ("is missing", "缺少此项"),
    ("missing, or no value that can be read", "缺少此项，或其值无法读取"),
    ("missing; CAP 1.2 requires it", "缺少此项；CAP 1.2 要求填写"),
    ("missing; the words are Chinese: read as zh-CN", "缺少此项；文字为中文，按 zh-CN 读取"),
    ("more than one; the first counts", "出现多次；以第一个为准"),
    ("it is empty", "报文为空"),
    ("{} bytes; the limit is {}", "{} 字节；上限 {}"),
    ("{} characters; the limit is {}", "{} 个字符；上限 {}"),
    ("nested {} deep; the limit is {}", "嵌套 {} 层；上限 {}"),
    ("{} objects; the limit is {}", "{} 个对象；上限 {}"),
    ("more than {} elements", "元素超过 {} 个"),
    ("elements are nested more than {} deep", "元素嵌套超过 {} 层"),
    ("{} more faults of form are not listed", "另有 {} 处格式问题未列出"),
    (
        "neither XML (begins with <) nor a JSON object (begins with {)",
        "既不是 XML（以 < 开头），也不是 JSON 对象（以 { 开头）",
    ),
    ("the root element is {}, not CAP's alert", "根元素是 {}，不是 CAP 的 alert"),
    ("namespace {} is not CAP's; read as CAP 1.2", "命名空间 {} 不是 CAP 的；按 CAP 1.2 读取"),
    ("it has no namespace; read as CAP 1.2", "没有命名空间；按 CAP 1.2 读取"),
    ("declares the unknown encoding {}", "声明了未知的编码 {}"),
    ("declared (or by default) {}, but the bytes are {}", "声明（或默认）编码为 {}，实际为 {}"),
    ("bytes that are not {} from here on; each is read as U+FFFD", "从此处起有不属于 {} 的字节；逐个读作 U+FFFD"),
    ("control characters are left out", "控制字符已略去"),
    ("a bare & is read as itself here and further on; write &amp;", "此处及以后单独的 & 按原样读取；应写作 &amp;"),
    ("an XML declaration inside the document", "报文中间出现 XML 声明"),
    ("processing instructions are refused", "不接受处理指令"),
    ("DOCTYPE is refused", "不接受 DOCTYPE"),
    ("entity &{}; is refused: only the five predefined are read", "不接受实体 &{};：只读五个预定义实体"),
    ("a second root element", "出现第二个根元素"),
    ("text outside the root element", "根元素之外有文字"),
    ("the document ends inside <{}>", "报文在 <{}> 中间就结束了"),
    ("the document has no element", "报文中没有元素"),
    ("{} is not actual, exercise, system, test or draft", "{} 不是 actual、exercise、system、test 或 draft"),
    ("{} is not alert, update or cancel", "{} 不是 alert、update 或 cancel"),
    ("\"Cancle\" is read as Cancel", "“Cancle” 按 Cancel 读取"),
    ("{} is not red, orange, yellow or blue", "{} 不是 red、orange、yellow 或 blue"),
    ("{} is not Extreme, Severe, Moderate, Minor or Unknown", "{} 不是 Extreme、Severe、Moderate、Minor 或 Unknown"),
    ("no colour: nothing here tells one", "没有颜色：报文中看不出预警颜色"),
    ("the infos differ: {} and {}; the stronger counts", "各 info 不一致：{} 与 {}；以更高的为准"),
    ("the infos differ; the widest span counts", "各 info 不一致；以最长的时段为准"),
    (
        "no severity that tells a colour; {} is taken from the headline or event",
        "severity 未说明颜色；按标题或事件取 {}",
    ),
    ("an Update or Cancel names the messages it refers to", "更新或解除报文应写明所指的报文"),
    ("{} is not sender,identifier,sent", "{} 不是“发报单位,标识,时间”"),
    ("no ground: no division code, polygon or circle can be read", "没有地区：读不出区划代码、多边形或圆"),
    ("no division code, polygon or circle can be read in this area", "此区域中读不出区划代码、多边形或圆"),
    ("the polygon is not closed; its first point is taken as its last", "多边形未闭合；以首点作为末点"),
    ("a polygon needs at least four points; it is left out", "多边形至少要四个点；已略去"),
    ("the radius is not a length; the circle is left out", "半径不是长度；此圆已略去"),
    (
        "a circle needs a centre [latitude, longitude] and a radius_m; left out",
        "圆须有圆心 [纬度, 经度] 和 radius_m；已略去",
    ),
    ("not [latitude, longitude]; the point is left out", "不是 [纬度, 经度]；此点已略去"),
    ("{} is not \"latitude,longitude\"; the point is left out", "{} 不是“纬度,经度”；此点已略去"),
    ("{} is not \"latitude,longitude radius\"; left out", "{} 不是“纬度,经度 半径”；已略去"),
    ("{} is longitude first; read as {}", "{} 把经度写在了前面；按 {} 读取"),
    ("{} is not a point on the globe; left out", "{} 不是地球上的点；已略去"),
    ("{} is not a division code (2 to 12 digits)", "{} 不是区划代码（2 至 12 位数字）"),
    ("{} has {} digits; a division code has 2, 4, 6, 9 or 12", "{} 有 {} 位；区划代码为 2、4、6、9 或 12 位"),
    ("not an object; left out", "不是对象；已略去"),
    ("not a string; it is not read", "不是字符串；未读取"),
    ("not an array; it is not read", "不是数组；未读取"),
    ("this form has no such field; it is not read", "本格式没有此字段；未读取"),
    // Sheets.
    ("no sheet has this name; known are targets, responsible, regions", "没有这个名称的表；已知 责任区、责任人、区划"),
    ("the text is neither UTF-8 nor GB 18030", "文字既不是 UTF-8 也不是 GB 18030"),
    ("the text is not CSV", "不是 CSV 格式"),
    ("it does not read: {}", "无法读取：{}"),
    ("the sheet is missing", "缺少此表"),
    ("the sheet is empty; row 1 holds the headers", "表为空；第 1 行应为表头"),
    ("the column stands twice", "此列重复"),
    ("no column has this header; known are {}", "没有这个表头；已知 {}"),
    ("the column is missing (in English {})", "缺少此列（英文为 {}）"),
    ("the cell is blank and must be filled", "此格必填，现为空"),
    ("not a whole number", "不是整数"),
    ("not between 0 and {}", "不在 0 至 {} 之间"),
    ("not a number of degrees", "不是度数"),
    ("not between -{} and {} degrees", "不在 -{} 至 {} 度之间"),
    ("no kind of target; known are {}", "不是责任区类型；已知 {}"),
    ("no channel; known are {}", "不是渠道；已知 {}"),
    (
        "a loudspeaker takes no short messages and no calls; give it a row of its own",
        "大喇叭不能收短信、接电话；请另起一行",
    ),
    ("no post; write it as the plans do {}", "不是岗位；请按预案的写法填写 {}"),
    ("no language tag (such as zh-CN)", "不是语言标记（例如 zh-CN）"),
    ("not a time (such as 2026-07-01 08:00) or a day", "不是时间（例如 2026-07-01 08:00）或日期"),
    ("the code is listed twice", "区划代码重复"),
    (
        "another row has this number under another name; confirm that they share it, or correct one",
        "另一行以别的姓名填了同一号码；请确认确为共用，或改正其一",
    ),
    ("an earlier row gives the same person the same post there", "前面已有一行：同一人、同一地点、同一岗位"),
    ("the order counts from 1", "顺序从 1 数起"),
    ("the end of the absence does not lie after its beginning", "离岗止不晚于离岗起"),
    ("a landline takes no short messages", "固定电话不能收短信"),
    (
        "the ground is neither a target of the sheet targets nor a region of the directory",
        "此地点既不是责任区表中的编号，也不是名录中的区划",
    ),
    ("{} is listed twice; this row is the later one", "{} 重复；这是后一行"),
    ("{} persons of special groups among {} persons", "特殊人群 {} 人，总共却只有 {} 人"),
    (
        "a target's id must not look like a division code; add a suffix such as -G001",
        "责任区编号不能与区划代码混同；请加后缀，例如 -G001",
    ),
    ("an id has only letters, digits, - and _", "编号只能用字母、数字、- 和 _"),
    (
        "{} lies above the county; a target lies in a village, a township or a county",
        "{} 在县级以上；责任区须在村、乡镇或县内",
    ),
    (
        "region {} is not in the directory; the nearest known region above is {}; add it to the sheet regions if it is new",
        "名录中没有区划 {}；已知最近的上级是 {}；如为新设，请填入区划表",
    ),
    (
        "region {} is not in the directory; add it to the sheet regions if it is new",
        "名录中没有区划 {}；如为新设，请填入区划表",
    ),
    ("one coordinate is given and the other is not", "经纬度只填了一个"),
    ("its region {} is not in the directory", "其区划 {} 不在名录中"),
    ("its region lies above the county; a target lies in a county or below", "其区划在县级以上；责任区须在县或县以下"),
    ("the name is taken by another target or a region", "此名已被另一责任区或区划使用"),
    ("the person is listed twice", "此人重复"),
    ("the ground is neither a region nor a target of the directory", "此地点既不是名录中的区划，也不是责任区"),
    ("person {} is not in the directory", "名录中没有责任人 {}"),
    ("one number per cell; further ones go into 电话2 and 电话3", "一格只填一个号码；其余填入 电话2、电话3"),
    ("the spreadsheet has rounded the number; format the column as text", "号码被表格软件改成了约数；请把此列设为文本"),
    ("a telephone number has only digits, blanks, dashes and a leading +", "电话号码只能有数字、空格、短横和开头的 +"),
    ("only numbers of mainland China (+86) can be called", "只能呼叫中国大陆号码（+86）"),
    (
        "{} digits; a mobile has 11 and begins with 13 to 19, a landline begins with 0 and its area code",
        "{} 位数字；手机号 11 位、以 13 至 19 开头，固定电话以 0 和区号开头",
    ),
    // Plans against a directory.
    ("nobody in the directory fills {}", "名录中无人担任 {}"),
    (
        "need k = {}, but no target has more than {} persons in this step",
        "要求 k = {}，但这一级没有一处责任区超过 {} 人",
    ),
    ("nobody there takes what the regions below cannot answer for", "下级无人应答的责任区上报到那里，也无人接手"),
    (
        "both plans fit some warning equally well; narrow one's scope",
        "两个预案对同一预警同样贴切；请收窄其一的适用范围",
    ),
    (
        "no plan has an empty scope; one must, so that no warning is without a plan",
        "没有适用范围全空的预案；必须有一个兜底，否则会有预警无预案可用",
    ),
];

impl Finding {
    /// What is wrong, in a Chinese sentence.
    #[must_use]
    pub fn reason_zh(&self) -> String {
        let said = SENTENCES.iter().find_map(|(en, zh)| Some(filled(zh, &taken(en, &self.reason)?)));
        said.unwrap_or_else(|| UNREADABLE.to_owned())
    }
}

/// What stands at the `{}` of a template; `None` when the text is another sentence.
fn taken<'a>(template: &str, text: &'a str) -> Option<Vec<&'a str>> {
    let mut parts = template.split("{}");
    let mut rest = text.strip_prefix(parts.next()?)?;
    let mut found = Vec::new();
    let parts: Vec<&str> = parts.collect();
    for (ix, part) in parts.iter().enumerate() {
        let last = ix + 1 == parts.len();
        let at = if last {
            rest.len().checked_sub(part.len()).filter(|at| rest.get(*at..) == Some(*part))
        } else {
            rest.find(part)
        };
        let at = at?;
        found.push(&rest[..at]);
        rest = &rest[at + part.len()..];
    }
    rest.is_empty().then_some(found)
}

fn filled(template: &str, found: &[&str]) -> String {
    let mut out = String::new();
    for (ix, part) in template.split("{}").enumerate() {
        if let Some(before) = ix.checked_sub(1) {
            out.push_str(found.get(before).copied().unwrap_or_default());
        }
        out.push_str(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn zh(reason: &str) -> String {
        Finding::fatal("p", reason).reason_zh()
    }

    #[test]
    fn what_is_named_is_taken_over() {
        assert_eq!(zh("account \"x\" is not a registered sender"), "account \"x\"：未登记的发报单位");
        assert_eq!(zh("513 characters; the limit is 512"), "513 个字符；上限 512");
        assert_eq!(zh("neither XML (begins with <) nor a JSON object (begins with {)").chars().next(), Some('既'));
        assert_eq!(zh("expected value"), UNREADABLE);
    }

    #[test]
    fn a_template_takes_as_much_as_it_says() {
        for (en, zh) in SENTENCES {
            assert_eq!(en.matches("{}").count(), zh.matches("{}").count(), "{en}");
        }
    }

    /// A sentence that is changed where it is made, and not here, would fall back to English in silence.
    #[test]
    fn every_sentence_is_still_made_somewhere() {
        let mut source = String::new();
        let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
                if entry.is_dir() {
                    folders.push(entry);
                } else if !entry.ends_with("model/chinese.rs") && entry.extension().is_some_and(|e| e == "rs") {
                    source += &std::fs::read_to_string(entry).unwrap();
                }
            }
        }
        let source = source.replace("\\\"", "\"");
        for (en, _) in SENTENCES.iter().filter(|(en, _)| *en != "is missing") {
            for part in en.split("{}").filter(|part| part.len() > 8) {
                // Some sentences are put together from two.
                let made = part.split("; ").filter(|p| p.len() > 8).all(|p| source.contains(p.trim_end_matches(';')));
                assert!(made, "{part:?} of {en:?} stands nowhere in the source");
            }
        }
    }
}

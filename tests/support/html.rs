//! Just enough HTML to use a page without a browser: forms with their fields, links, and text.

/// A tag with its attributes.
#[derive(Debug, Clone)]
pub(crate) struct Tag {
    pub(crate) name: String,
    attributes: Vec<(String, String)>,
    /// Byte offsets of the tag's first and last-plus-one character.
    start: usize,
    end: usize,
}

/// A form as a browser would send it.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    pub(crate) action: String,
    pub(crate) method: String,
    pub(crate) fields: Vec<Field>,
    /// What the form looks like, for messages and for finding it by its button.
    pub(crate) source: String,
}

/// A field of a form.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) value: String,
    /// Radio buttons and check boxes are sent when they are on.
    sent: bool,
}

impl Tag {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Form {
    /// Fills a field in; a field that is not there is a failure.
    #[track_caller]
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        assert!(self.fields.iter().any(|field| field.name == name), "no field {name:?} in {}", self.source);
        let choice = self.fields.iter().any(|field| field.name == name && field.kind == "radio");
        for field in self.fields.iter_mut().filter(|field| field.name == name) {
            if choice {
                field.sent = field.value == value;
            } else {
                field.value = value.to_owned();
                field.sent = true;
            }
        }
        self
    }

    /// Fills in the only field of a kind (`password`, `text`).
    #[track_caller]
    pub(crate) fn with_kind(self, kind: &str, value: &str) -> Self {
        let names: Vec<_> =
            self.fields.iter().filter(|field| field.kind == kind).map(|field| field.name.clone()).collect();
        assert!(!names.is_empty(), "no field of type {kind:?} in {}", self.source);
        names.iter().fold(self, |form, name| form.with(name, value))
    }

    /// What a browser would send as body.
    pub(crate) fn encoded(&self) -> String {
        let mut body = form_urlencoded::Serializer::new(String::new());
        for field in self.fields.iter().filter(|field| field.sent && !field.name.is_empty()) {
            body.append_pair(&field.name, &field.value);
        }
        body.finish()
    }
}

/// All opening tags of a page, in order. Comments, scripts and styles are passed over.
pub(crate) fn tags(page: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut at = 0;
    while let Some(offset) = page[at..].find('<') {
        let start = at + offset;
        let rest = &page[start + 1..];
        if rest.starts_with("!--") {
            at = start + rest.find("-->").map_or(rest.len(), |end| end + 3);
            continue;
        }
        let Some(first) = rest.chars().next().filter(char::is_ascii_alphabetic) else {
            at = start + 1;
            continue;
        };
        debug_assert!(first.is_ascii_alphabetic());
        let tag = read_tag(page, start);
        at = tag.end;
        if tag.name == "script" || tag.name == "style" {
            at += page[at..].find(&format!("</{}", tag.name)).unwrap_or(0);
        }
        tags.push(tag);
    }
    tags
}

fn read_tag(page: &str, start: usize) -> Tag {
    let bytes = page.as_bytes();
    let name_end = page[start + 1..].find(|c: char| c.is_whitespace() || c == '>' || c == '/');
    let mut at = start + 1 + name_end.unwrap_or(0);
    let name = page[start + 1..at].to_ascii_lowercase();
    let mut attributes = Vec::new();
    while at < bytes.len() && bytes[at] != b'>' {
        if bytes[at].is_ascii_whitespace() || bytes[at] == b'/' {
            at += 1;
            continue;
        }
        let key_end = page[at..]
            .find(|c: char| c.is_whitespace() || "=>".contains(c))
            .map_or(bytes.len(), |end| at + end);
        let key = page[at..key_end].to_ascii_lowercase();
        at = key_end;
        let mut value = String::new();
        if bytes.get(at) == Some(&b'=') {
            at += 1;
            let (from, to, next) = match bytes.get(at) {
                Some(quote @ (b'"' | b'\'')) => {
                    let to = page[at + 1..].find(*quote as char).map_or(bytes.len(), |end| at + 1 + end);
                    (at + 1, to, to + 1)
                }
                _ => {
                    let to = page[at..]
                        .find(|c: char| c.is_whitespace() || c == '>')
                        .map_or(bytes.len(), |end| at + end);
                    (at, to, to)
                }
            };
            value = unescape(&page[from..to]);
            at = next;
        }
        attributes.push((key, value));
    }
    Tag { name, attributes, start, end: (at + 1).min(bytes.len()) }
}

/// The forms of a page.
pub(crate) fn forms(page: &str) -> Vec<Form> {
    let tags = tags(page);
    tags.iter()
        .filter(|tag| tag.name == "form")
        .map(|form| {
            let end = page[form.end..].find("</form").map_or(page.len(), |end| form.end + end);
            let inside: Vec<_> = tags.iter().filter(|tag| tag.start >= form.end && tag.start < end).collect();
            Form {
                action: form.attribute("action").unwrap_or_default().to_owned(),
                method: form.attribute("method").unwrap_or("get").to_ascii_uppercase(),
                fields: fields(page, &inside, end),
                source: page[form.start..end].to_owned(),
            }
        })
        .collect()
}

fn fields(page: &str, inside: &[&Tag], end: usize) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    let mut select: Option<String> = None;
    for tag in inside {
        let name = tag.attribute("name").unwrap_or_default().to_owned();
        match tag.name.as_str() {
            "input" => {
                let kind = tag.attribute("type").unwrap_or("text").to_owned();
                let switch = kind == "radio" || kind == "checkbox";
                let sent = kind != "submit" && (!switch || tag.attribute("checked").is_some());
                let default = if switch { "on" } else { "" };
                fields.push(Field {
                    name,
                    kind,
                    value: tag.attribute("value").unwrap_or(default).to_owned(),
                    sent,
                });
            }
            "textarea" => {
                let close = page[tag.end..end].find("</textarea").map_or(end, |close| tag.end + close);
                let value = unescape(&page[tag.end..close]);
                fields.push(Field { name, kind: "textarea".to_owned(), value, sent: true });
            }
            "select" => {
                fields.push(Field {
                    name: name.clone(),
                    kind: "select".to_owned(),
                    value: String::new(),
                    sent: true,
                });
                select = Some(name);
            }
            "option" => {
                let field = fields.iter_mut().rev().find(|field| Some(&field.name) == select.as_ref());
                let value = tag.attribute("value").unwrap_or_default();
                if let Some(field) =
                    field.filter(|field| field.value.is_empty() || tag.attribute("selected").is_some())
                {
                    field.value = value.to_owned();
                }
            }
            _ => {}
        }
    }
    fields
}

/// The text of a page without tags, blanks folded.
pub(crate) fn text(page: &str) -> String {
    let page = page.trim_start();
    let page = page.strip_prefix("<!doctype html>").unwrap_or(page);
    let mut text = String::new();
    let mut from = 0;
    for tag in tags(page) {
        text.push_str(page.get(from..tag.start).unwrap_or_default());
        text.push(' ');
        from = tag.end;
        if tag.name == "script" || tag.name == "style" {
            from += page[from..].find("</").unwrap_or(0);
        }
    }
    text.push_str(&page[from..]);
    // Closing tags are still in it.
    let mut plain = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("</") {
        plain.push_str(before);
        plain.push(' ');
        rest = after.split_once('>').map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    unescape(&plain).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Undoes the escapes that a template engine writes.
fn unescape(text: &str) -> String {
    let named =
        [("&quot;", "\""), ("&#34;", "\""), ("&#39;", "'"), ("&#x27;", "'"), ("&lt;", "<"), ("&#60;", "<")];
    let rest = [("&gt;", ">"), ("&#62;", ">"), ("&nbsp;", " "), ("&#38;", "&"), ("&amp;", "&")];
    named.iter().chain(&rest).fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[test]
fn forms_are_read_as_a_browser_would_send_them() {
    let page = r#"<!doctype html><h1>A &amp; B</h1><script>"<form>"</script>
        <form method="post" action="/admin/x?a=1&amp;b=2"><input type=hidden name="csrf" value="t&#34;k">
        <input name="name"><input type="radio" name="idp" value="okta"><input type="radio" name="idp" value="onelogin" checked>
        <input type="checkbox" name="off"><select name="s"><option value="1">x<option value="2" selected>y</select>
        <button>Go</button></form>"#;
    let form = forms(page).remove(0).with("name", "a b");
    assert_eq!((form.action.as_str(), form.method.as_str()), ("/admin/x?a=1&b=2", "POST"));
    assert_eq!(form.encoded(), "csrf=t%22k&name=a+b&idp=onelogin&s=2");
    assert_eq!(form.with("idp", "okta").encoded(), "csrf=t%22k&name=a+b&idp=okta&s=2");
    assert!(text(page).starts_with("A & B"));
    assert!(!text(page).contains("<form>"));
}

use super::*;

fn heard(endpoint: &str, status: u16, is_read: bool) -> Heard {
    Heard {
        endpoint: EndpointId(endpoint.to_owned()),
        id: String::new(),
        at: 7,
        method: "GET".into(),
        target: "/".into(),
        operation: Some("get"),
        is_read,
        resource_type: None,
        resource_id: String::new(),
        status,
        cause: None,
        took: Duration::ZERO,
        token_id: String::new(),
        address: String::new(),
        agent: String::new(),
        rules: Vec::new(),
        dropped: Vec::new(),
        skipped: 0,
        body: Bytes::new(),
        response: Bytes::new(),
    }
}

fn offer(log: &Log, endpoint: &str, status: u16, is_read: bool) -> bool {
    let one = heard(endpoint, status, is_read);
    let taken = log.has_room(&one.endpoint, one.class(), one.at);
    if taken {
        log.push(one);
    }
    taken
}

#[test]
fn reads_are_left_out_first_and_counted() {
    let log = Log::default();
    let taken = (0..1000).filter(|_| offer(&log, "a", 200, true)).count();
    assert_eq!(taken, 60);
    assert_eq!(log.unlogged(Class::Read), 940);
    assert!(offer(&log, "a", 409, false), "a refusal has a place of its own");
    assert!(offer(&log, "a", 201, false));
    let batch = log.take();
    assert_eq!(batch.heard.len(), 62);
    assert_eq!(batch.heard.first().map(|one| one.status), Some(409));
    let counted: Vec<i64> = batch.unlogged.iter().map(|(_, unlogged)| unlogged.of(Class::Read)).collect();
    assert_eq!(counted, [940]);
    assert!(log.take().heard.is_empty());
}

#[test]
fn changes_and_refusals_wait_for_the_next_batch_and_reads_do_not() {
    let log = Log::default();
    for _ in 0..200 {
        assert!(offer(&log, "a", 409, false));
        assert!(offer(&log, "a", 201, false));
    }
    assert!(offer(&log, "a", 200, true));
    let first = log.take();
    assert_eq!(first.heard.len(), BATCH);
    assert_eq!(first.heard.iter().filter(|one| one.status == 409).count(), 200);
    assert_eq!(log.unlogged(Class::Read), 1, "there was no place for it in the batch");
    let second = log.take();
    assert_eq!(second.heard.len(), 100);
    assert!(second.heard.iter().all(|one| one.status == 201));
}

#[test]
fn a_busy_endpoint_leaves_room_for_others() {
    let log = Log::default();
    while offer(&log, "busy", 409, false) {}
    assert!(offer(&log, "calm", 409, false));
    let batch = log.take();
    assert!(batch.heard.iter().any(|one| one.endpoint.as_str() == "calm"));
    assert_eq!(log.unlogged(Class::Refusal), 1);
}

#[test]
fn bodies_are_bounded_together() {
    let log = Log::default();
    let large = Heard { body: Bytes::from(vec![b' '; MOST_BYTES]), ..heard("a", 400, false) };
    assert!(log.has_room(&large.endpoint, Class::Refusal, 0));
    log.push(large);
    assert!(!offer(&log, "b", 400, false));
    log.take();
    assert!(offer(&log, "b", 400, false));
}

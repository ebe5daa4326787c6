use super::*;

const SECOND: Millis = 1_000;

fn queue(max_receives: u32) -> Queue {
    Queue { redrive: Some(Redrive { dead_letters: "dead".to_owned(), max_receives }), ..Queue::default() }
}

fn message(number: u128, sent: Millis, visible: Millis) -> Message {
    let (id, md5, body) = (Uuid::from_u128(number), String::new(), Arc::from("body"));
    Message { id, sent, visible, receives: 0, first_received: None, md5, body }
}

/// Receives what is due, hidden for 5 s; answers the handles.
fn receive(queue: &mut Queue, most: usize, now: Millis) -> Vec<Handle> {
    let due = queue.due(most, now);
    queue.receive(&due.received, now, now + 5 * SECOND);
    due.received.iter().map(|id| queue.message(*id).unwrap().handle()).collect()
}

#[test]
fn a_message_is_ready_then_in_flight_then_ready_again() {
    let mut queue = queue(10);
    queue.add(message(1, 0, 0));
    assert_eq!(queue.numbers(0), Numbers { ready: 1, ..Numbers::default() });
    let first = receive(&mut queue, 10, 0);
    assert_eq!(queue.numbers(0), Numbers { in_flight: 1, ..Numbers::default() });
    assert_eq!(queue.next_visible(), Some(5 * SECOND));
    assert_eq!(receive(&mut queue, 10, 5 * SECOND - 1), []);
    let second = receive(&mut queue, 10, 5 * SECOND);
    assert_eq!((second[0].id, second[0].receive), (first[0].id, 2));
    let message = queue.message(first[0].id).unwrap();
    assert_eq!((message.receives, message.first_received), (2, Some(0)));
    assert_eq!(queue.received_as(first[0]), None, "its handle is too old");
    assert!(queue.received_as(second[0]).is_some());
}

#[test]
fn a_delayed_message_is_not_in_flight_and_later_ones_overtake_it() {
    let mut queue = queue(10);
    queue.add(message(1, 0, 2 * SECOND));
    queue.add(message(2, 0, 0));
    assert_eq!(queue.numbers(0), Numbers { ready: 1, delayed: 1, in_flight: 0 });
    assert_eq!(receive(&mut queue, 10, 0)[0].id, Uuid::from_u128(2));
    assert_eq!(receive(&mut queue, 10, 2 * SECOND)[0].id, Uuid::from_u128(1));
}

#[test]
fn a_receive_gets_the_longest_visible_messages_and_no_more_than_asked_for() {
    let mut queue = queue(10);
    for number in 1..=5 {
        queue.add(message(number, 0, 0));
    }
    let ids = |handles: Vec<Handle>| handles.iter().map(|handle| handle.id.as_u128()).collect::<Vec<_>>();
    assert_eq!(ids(receive(&mut queue, 2, 0)), [1, 2]);
    queue.hide(&[Uuid::from_u128(1)], 1);
    assert_eq!(ids(receive(&mut queue, 4, 1)), [3, 4, 5, 1]);
}

#[test]
fn a_message_that_had_its_receives_is_exhausted_and_no_longer_the_oldest() {
    let mut queue = queue(1);
    queue.add(message(1, 3, 3));
    queue.add(message(2, 7, 60 * SECOND));
    receive(&mut queue, 10, 4);
    assert_eq!(queue.oldest(4 + 5 * SECOND - 1), Some(3));
    assert_eq!(queue.oldest(4 + 5 * SECOND), Some(7));
    let due = queue.due(10, 4 + 5 * SECOND);
    assert_eq!(due, Due { received: vec![], exhausted: vec![Uuid::from_u128(1)] });
}

#[test]
fn a_removed_message_is_in_no_place() {
    let mut queue = queue(10);
    queue.add(message(1, 0, 0));
    queue.add(message(2, 0, 9));
    receive(&mut queue, 1, 0);
    let ids = [1, 2].map(Uuid::from_u128);
    assert_eq!(queue.remove(&ids).len(), 2);
    assert_eq!((queue.numbers(100 * SECOND), queue.next_visible()), (Numbers::default(), None));
    assert_eq!(queue.remove(&ids), []);
}

#[test]
fn only_messages_in_flight_are_shown_again() {
    let mut queue = queue(10);
    queue.add(message(1, 0, 0));
    queue.add(message(2, 0, 9));
    receive(&mut queue, 1, 0);
    queue.show_all(1);
    assert_eq!(queue.numbers(1), Numbers { ready: 1, delayed: 1, in_flight: 0 });
}

#[test]
fn a_handle_reads_back_what_it_shows() {
    let handle = Handle { id: Uuid::from_u128(7), receive: 3 };
    assert_eq!(handle.to_string().parse(), Ok(handle));
    for bad in ["", "nonsense", "/1", "00000000-0000-0000-0000-000000000007", "00000000-0000-0000-0000-000000000007/x"]
    {
        assert_eq!(bad.parse::<Handle>(), Err(()), "{bad}");
    }
}

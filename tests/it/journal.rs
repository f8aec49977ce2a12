//! The journal's contract: one list of tests, run on every store.

mod contract;
mod durable;
mod make;
mod rates;
mod refusal;

use crate::support::store::{Kind, with_store};

macro_rules! contract {
    (everywhere $every:tt on_disk $disk:tt on_a_server $server:tt) => {
        mod memory { contract!(Memory $every); }
        mod sqlite { contract!(Sqlite $every); contract!(Sqlite $disk); }
        mod postgres { contract!(Postgres $every); contract!(Postgres $disk); contract!(Postgres $server); }
    };
    ($kind:ident { $($module:ident: $($test:ident)+;)+ }) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::with_store(super::Kind::$kind, super::$module::$test).await;
            }
        )+)+
    };
}

contract! {
    everywhere {
        contract:
            records_come_back_exactly
            reading_starts_at_the_record_that_holds_the_sequence
            a_place_is_given_once
            streams_are_listed_by_their_beginning
            a_gap_is_a_conflict
            a_conflict_leaves_the_other_groups_stored
            a_group_is_stored_whole_or_not_at_all
            groups_of_a_batch_see_each_other_in_order
            an_identity_is_claimed_once
            a_name_leads_to_one_warning
            doors_claiming_one_identity_at_once_leave_one_winner
            the_inbox_is_taken_red_first
            a_callouts_items_keep_their_order_whatever_the_limit
            a_post_is_posted_once
            taken_and_posted_again_in_one_batch
            callouts_are_listed
            blobs_and_salts_keep_their_first_value
            parked_documents_are_kept_once_newest_first
            directory_versions_count_up
            cursors_are_remembered
            an_empty_batch_is_stored;
        refusal:
            one_holder_at_a_time
            an_expired_lease_is_taken_over_and_fences_the_former_holder
            a_lease_given_back_is_free_at_once
            the_holder_is_told_and_who_knows_it_dead_gives_its_lease_back
            a_fenced_batch_stores_nothing
            a_lease_nobody_took_writes_nothing
            a_dropped_commit_is_stored_all_the_same
            many_dropped_calls_leave_a_working_store;
        durable:
            many_writers_on_many_streams_lose_nothing;
    }
    on_disk {
        durable:
            everything_is_there_after_opening_again;
    }
    on_a_server {
        refusal:
            a_takeover_under_way_holds_back_the_former_holder;
        durable:
            lost_connections_are_replaced
            what_cannot_be_stored_is_not_tried_for_ever
            reads_stay_keyed_after_the_tables_fill;
    }
}

; precopy
; read-page(stranger) (QEMU ram_save_target_page)
; breaks a lemma
(set-info :status unsat)
(set-logic ALL)
(declare-datatype |Phase| ((|Phase.NONE|) (|Phase.BEFORE_SYNC|) (|Phase.FETCH|) (|Phase.MERGE|) (|Phase.AFTER_SYNC|) (|Phase.ROUND|) (|Phase.COMPLETED|) (|Phase.CLEANUP|) (|Phase.POSTCOPY|) (|Phase.POSTCOPY_PAUSED|)))
(declare-datatype |Owner| ((|Owner.FREE|) (|Owner.USED|) (|Owner.HINTED|) (|Owner.BALLOONED|) (|Owner.DEFLATING|)))
(declare-datatype |Send| ((|Send.IDLE|) (|Send.READ|) (|Send.ARMED|) (|Send.CLEARED|)))
(declare-const |phase| |Phase|)
(declare-const |page.relied| Bool)
(declare-const |page.holds_ring| Bool)
(declare-const |page.copied| Bool)
(declare-const |running| Bool)
(declare-const |page.owner| |Owner|)
(declare-const |final| Bool)
(declare-const |send| |Send|)
(declare-const |page.is_sent_page| Bool)
(declare-const |page.dirty| Bool)
(declare-const |chunk.clear_pending| Bool)
(declare-const |page.logged| Bool)
(declare-const |page.ram_dirty| Bool)
(declare-const |page.fetched| Bool)
; no-page-lost
(assert (or (not (and (= |phase| |Phase.COMPLETED|) (or |page.relied| |page.holds_ring|))) |page.copied|))
; never phase = COMPLETED and running
(assert (or (not (= |phase| |Phase.COMPLETED|)) (not |running|)))
; never page.owner = USED and page.holds_ring
(assert (or (not (= |page.owner| |Owner.USED|)) (not |page.holds_ring|)))
; never running and final
(assert (or (not |running|) (not |final|)))
; never send = IDLE and page.is_sent_page
(assert (or (not (= |send| |Send.IDLE|)) (not |page.is_sent_page|)))
; never phase = ROUND and final and send = IDLE and page.relied and not page.copied and not page.dirty
(assert (or (not (= |phase| |Phase.ROUND|)) (not |final|) (not (= |send| |Send.IDLE|)) (not |page.relied|) |page.copied| |page.dirty|))
; never send = CLEARED and not page.is_sent_page
(assert (or (not (= |send| |Send.CLEARED|)) |page.is_sent_page|))
; never phase = AFTER_SYNC and not chunk.clear_pending
(assert (or (not (= |phase| |Phase.AFTER_SYNC|)) |chunk.clear_pending|))
; never chunk.clear_pending and not page.relied and page.holds_ring and not page.copied and not page.dirty
(assert (or (not |chunk.clear_pending|) |page.relied| (not |page.holds_ring|) |page.copied| |page.dirty|))
; never phase = AFTER_SYNC and not running and page.relied and not page.copied and not page.dirty
(assert (or (not (= |phase| |Phase.AFTER_SYNC|)) |running| (not |page.relied|) |page.copied| |page.dirty|))
; never send = READ
(assert (not (= |send| |Send.READ|)))
; never send = ARMED and not page.is_sent_page
(assert (or (not (= |send| |Send.ARMED|)) |page.is_sent_page|))
; never chunk.clear_pending and page.is_sent_page
(assert (or (not |chunk.clear_pending|) (not |page.is_sent_page|)))
; never phase = MERGE and send = ARMED
(assert (or (not (= |phase| |Phase.MERGE|)) (not (= |send| |Send.ARMED|))))
; never phase = MERGE and send = CLEARED
(assert (or (not (= |phase| |Phase.MERGE|)) (not (= |send| |Send.CLEARED|))))
; never phase = MERGE and not page.relied and page.holds_ring and not page.copied and not page.dirty
(assert (or (not (= |phase| |Phase.MERGE|)) |page.relied| (not |page.holds_ring|) |page.copied| |page.dirty|))
; never phase = MERGE and page.relied and not page.copied and not page.logged and not page.ram_dirty and not page.dirty
(assert (or (not (= |phase| |Phase.MERGE|)) (not |page.relied|) |page.copied| |page.logged| |page.ram_dirty| |page.dirty|))
; never phase = MERGE and not running and page.logged and not page.ram_dirty
(assert (or (not (= |phase| |Phase.MERGE|)) |running| (not |page.logged|) |page.ram_dirty|))
; never phase = FETCH and page.is_sent_page
(assert (or (not (= |phase| |Phase.FETCH|)) (not |page.is_sent_page|)))
; never phase = FETCH and not page.relied and page.holds_ring and not page.copied and not page.dirty
(assert (or (not (= |phase| |Phase.FETCH|)) |page.relied| (not |page.holds_ring|) |page.copied| |page.dirty|))
; never phase = FETCH and page.relied and not page.copied and not page.logged and not page.ram_dirty and not page.dirty
(assert (or (not (= |phase| |Phase.FETCH|)) (not |page.relied|) |page.copied| |page.logged| |page.ram_dirty| |page.dirty|))
; never phase = BEFORE_SYNC and page.is_sent_page
(assert (or (not (= |phase| |Phase.BEFORE_SYNC|)) (not |page.is_sent_page|)))
; never phase = BEFORE_SYNC and not page.relied and page.holds_ring and not page.copied and not page.dirty
(assert (or (not (= |phase| |Phase.BEFORE_SYNC|)) |page.relied| (not |page.holds_ring|) |page.copied| |page.dirty|))
; never chunk.clear_pending and page.relied and not page.copied and not page.logged and not page.ram_dirty and not page.dirty
(assert (or (not |chunk.clear_pending|) (not |page.relied|) |page.copied| |page.logged| |page.ram_dirty| |page.dirty|))
; never phase = BEFORE_SYNC and page.relied and not page.copied and not page.logged and not page.ram_dirty and not page.dirty
(assert (or (not (= |phase| |Phase.BEFORE_SYNC|)) (not |page.relied|) |page.copied| |page.logged| |page.ram_dirty| |page.dirty|))
; never phase = NONE and page.is_sent_page
(assert (or (not (= |phase| |Phase.NONE|)) (not |page.is_sent_page|)))
; never phase = POSTCOPY
(assert (not (= |phase| |Phase.POSTCOPY|)))
; never phase = POSTCOPY_PAUSED
(assert (not (= |phase| |Phase.POSTCOPY_PAUSED|)))
; never phase = ROUND and send = IDLE and not page.relied and page.holds_ring and not page.copied and not page.dirty
(assert (or (not (= |phase| |Phase.ROUND|)) (not (= |send| |Send.IDLE|)) |page.relied| (not |page.holds_ring|) |page.copied| |page.dirty|))
; never phase = NONE and chunk.clear_pending
(assert (or (not (= |phase| |Phase.NONE|)) (not |chunk.clear_pending|)))
; never phase = CLEANUP and chunk.clear_pending
(assert (or (not (= |phase| |Phase.CLEANUP|)) (not |chunk.clear_pending|)))
; never phase = ROUND and send = IDLE and page.relied and not page.copied and not page.logged and not page.ram_dirty and not page.dirty
(assert (or (not (= |phase| |Phase.ROUND|)) (not (= |send| |Send.IDLE|)) (not |page.relied|) |page.copied| |page.logged| |page.ram_dirty| |page.dirty|))
; never phase = ROUND and page.fetched and not page.dirty
(assert (or (not (= |phase| |Phase.ROUND|)) (not |page.fetched|) |page.dirty|))
; never phase = AFTER_SYNC and page.fetched and not page.dirty
(assert (or (not (= |phase| |Phase.AFTER_SYNC|)) (not |page.fetched|) |page.dirty|))
; never send = ARMED and page.fetched
(assert (or (not (= |send| |Send.ARMED|)) (not |page.fetched|)))
; never phase = MERGE and page.fetched and not page.ram_dirty
(assert (or (not (= |phase| |Phase.MERGE|)) (not |page.fetched|) |page.ram_dirty|))
; never phase = ROUND and not chunk.clear_pending and page.fetched
(assert (or (not (= |phase| |Phase.ROUND|)) |chunk.clear_pending| (not |page.fetched|)))
; guard of read-page(stranger)
(assert (let ((?0 (not |page.is_sent_page|))) (and (or ?0 (= |send| |Send.CLEARED|)) ?0)))
; a lemma is violated after it
(assert (let ((?0 (not (= |phase| |Phase.ROUND|)))) (let ((?1 (not |page.relied|))) (or (not (or ?0 (not |final|) ?1 |page.copied| |page.dirty|)) (not (or ?0 |page.relied| (not |page.holds_ring|) |page.copied| |page.dirty|)) (not (or ?0 ?1 |page.copied| |page.logged| |page.ram_dirty| |page.dirty|))))))
(check-sat)

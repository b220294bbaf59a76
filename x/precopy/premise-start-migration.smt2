; precopy
; one page suffices: start-migration
(set-info :status unsat)
(set-logic ALL)
(declare-datatype |Owner| ((|Owner.FREE|) (|Owner.USED|) (|Owner.HINTED|) (|Owner.BALLOONED|) (|Owner.DEFLATING|)))
(declare-datatype |Phase| ((|Phase.NONE|) (|Phase.BEFORE_SYNC|) (|Phase.FETCH|) (|Phase.MERGE|) (|Phase.AFTER_SYNC|) (|Phase.ROUND|) (|Phase.COMPLETED|) (|Phase.CLEANUP|) (|Phase.POSTCOPY|) (|Phase.POSTCOPY_PAUSED|)))
(declare-const |page0.holds_ring| Bool)
(declare-const |page0.owner| |Owner|)
(declare-const |page1.holds_ring| Bool)
(declare-const |page1.owner| |Owner|)
(declare-const |page2.holds_ring| Bool)
(declare-const |page2.owner| |Owner|)
(declare-const |phase| |Phase|)
(declare-const |chunk0.clear_pending| Bool)
(declare-const |page0.fetched| Bool)
; a well-formed state
(assert (and (or (not |page0.holds_ring|) (= |page0.owner| |Owner.FREE|)) (or (not |page1.holds_ring|) (= |page1.owner| |Owner.FREE|)) (or (not |page2.holds_ring|) (= |page2.owner| |Owner.FREE|))))
; guard of start-migration
(assert (= |phase| |Phase.NONE|))
; is no step of the one-page system
(assert (let ((?0 (not (or (= |phase| |Phase.COMPLETED|) (= |phase| |Phase.CLEANUP|))))) (not (and (= |phase| |Phase.NONE|) (= (and ?0 |chunk0.clear_pending|) |chunk0.clear_pending|) (= (and ?0 |page0.fetched|) |page0.fetched|) (or (not |page0.holds_ring|) (= |page0.owner| |Owner.FREE|)) (or (not |page1.holds_ring|) (= |page1.owner| |Owner.FREE|)) (or (not |page2.holds_ring|) (= |page2.owner| |Owner.FREE|))))))
(check-sat)

; precopy
; one page suffices: property no-page-lost
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
(declare-const |page0.relied| Bool)
(declare-const |page0.copied| Bool)
; a well-formed state
(assert (and (or (not |page0.holds_ring|) (= |page0.owner| |Owner.FREE|)) (or (not |page1.holds_ring|) (= |page1.owner| |Owner.FREE|)) (or (not |page2.holds_ring|) (= |page2.owner| |Owner.FREE|))))
; is judged otherwise by one page
(assert (let ((?0 (or |page0.relied| |page0.holds_ring|))) (let ((?1 (not (and (= |phase| |Phase.COMPLETED|) ?0)))) (not (= (or ?1 |page0.copied|) (or ?1 (and ?0 |page0.copied|)))))))
(check-sat)

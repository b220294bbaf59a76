; precopy
; one page suffices: write(page2)
(set-info :status unsat)
(set-logic ALL)
(declare-datatype |Owner| ((|Owner.FREE|) (|Owner.USED|) (|Owner.HINTED|) (|Owner.BALLOONED|) (|Owner.DEFLATING|)))
(declare-const |page0.holds_ring| Bool)
(declare-const |page0.owner| |Owner|)
(declare-const |page1.holds_ring| Bool)
(declare-const |page1.owner| |Owner|)
(declare-const |page2.holds_ring| Bool)
(declare-const |page2.owner| |Owner|)
(declare-const |running| Bool)
; a well-formed state
(assert (and (or (not |page0.holds_ring|) (= |page0.owner| |Owner.FREE|)) (or (not |page1.holds_ring|) (= |page1.owner| |Owner.FREE|)) (or (not |page2.holds_ring|) (= |page2.owner| |Owner.FREE|))))
; guard of write(page2)
(assert (and |running| (or (= |page2.owner| |Owner.USED|) |page2.holds_ring|)))
; is no step of the one-page system
(assert (not (and |running| (or (not |page0.holds_ring|) (= |page0.owner| |Owner.FREE|)) (or (not |page1.holds_ring|) (= |page1.owner| |Owner.FREE|)) (or (not |page2.holds_ring|) (= |page2.owner| |Owner.FREE|)))))
(check-sat)

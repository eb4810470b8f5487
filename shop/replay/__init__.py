"""Replay: a whole invoice file and its credit notes go through the shop, order by order.

`plan` reads both files side by side and decides what each credit is; `history` remembers what was
bought. What is to happen comes as `acts`, `batches` gathers those that can happen together, `deeds`
does them through the services of the contexts, `clock` moves time with the data. `totals` adds
everything up, in the unit of the file and in pence, and `report` says whether it agrees.
"""

"""Covering a part of an image changes a part of each feature map: only that part is computed again.

A window over the image changes the cells of the first map that see it, these change cells of the next, and so on; a few
layers deep all cells have changed. Up to there, for every window, only a rectangle of each map is computed. What a
convolution needs around its rectangle comes from the maps of the uncovered image, which are computed once. Then the
rectangle is pasted into the uncovered image's map, and the rest of the network runs as it always does. The numbers are
those of the whole network run on the covered image, but for rounding.

The idea is that of Nakandala, Kumar, Papakonstantinou, "Incremental and Approximate Inference for Faster
Occlusion-based Deep CNN Explanations", SIGMOD 2019, its exact part. We differ in three points. We follow the operations
of the traced graph, not the layers of a few known networks. Where to go over to whole maps is decided by predicted
cost. Windows whose rectangles are cut off at the border go through the network together, with smaller rectangles.

`changed` says which cells change, in NumPy alone; `steps` finds the operations that can be followed; `cost` predicts
what they take; `route` decides; `compute` is the part in TensorFlow; `covering` is what `Network` hands out.
"""

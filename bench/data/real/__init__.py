"""Real photographs: pairs whose target is fetched (:mod:`bench.data.downloads`), one module each."""

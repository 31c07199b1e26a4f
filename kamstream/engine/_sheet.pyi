from kamstream.engine.sheet import Sheet as Sheet

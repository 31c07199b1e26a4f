from kamstream.engine.book import Book as Book

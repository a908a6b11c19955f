module github.com/apache/arrow/go/arrow

go 1.26.0

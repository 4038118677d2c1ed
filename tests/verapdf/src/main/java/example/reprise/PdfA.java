package example.reprise;

import java.io.FileInputStream;
import java.io.InputStream;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;
import org.verapdf.pdfa.PDFAParser;
import org.verapdf.pdfa.flavours.PDFAFlavour;
import org.verapdf.pdfa.results.TestAssertion;
import org.verapdf.pdfa.results.ValidationResult;

/** One line per file: `ok`, or the clauses of ISO 19005-1 that it breaks, level B. */
public final class PdfA {
    private PdfA() {}

    public static void main(String[] files) throws Exception {
        VeraGreenfieldFoundryProvider.initialise();
        for (String file : files) {
            System.out.println(verdict(file));
        }
    }

    private static String verdict(String file) throws Exception {
        PDFAFlavour flavour = PDFAFlavour.PDFA_1_B;
        try (InputStream bytes = new FileInputStream(file);
                PDFAParser parser = Foundries.defaultInstance().createParser(bytes, flavour);
                var validator = Foundries.defaultInstance().createValidator(flavour, false)) {
            ValidationResult result = validator.validate(parser);
            if (result.isCompliant()) {
                return "ok";
            }
            StringBuilder clauses = new StringBuilder("broken");
            for (TestAssertion assertion : result.getTestAssertions()) {
                if (assertion.getStatus() == TestAssertion.Status.FAILED) {
                    clauses.append(' ').append(assertion.getRuleId().getClause());
                }
            }
            return clauses.toString();
        }
    }
}

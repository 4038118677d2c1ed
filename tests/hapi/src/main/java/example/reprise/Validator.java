package example.reprise;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.context.support.IValidationSupport.IssueSeverity;
import ca.uhn.fhir.parser.IParser;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.SingleValidationMessage;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.PrePopulatedValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.UnknownCodeSystemWarningValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;
import org.hl7.fhir.instance.model.api.IBaseResource;
import org.hl7.fhir.r5.utils.validation.constants.BestPracticeWarningLevel;
import org.hl7.fhir.utilities.npm.NpmPackage;

/**
 * HAPI's instance validator as a long-lived process: POST a resource, get its messages.
 *
 * <p>Arguments: folders of conformance resources (JSON) and FHIR packages (.tgz) to load besides
 * base R4. Prints {@code READY <port>} once it listens on the loopback interface. A message whose
 * code system or value set is not loaded here is a warning, so that errors are faults.
 */
public final class Validator {

  private static final ObjectMapper JSON = new ObjectMapper();

  private static final Set<String> CONFORMANCE =
      Set.of("StructureDefinition", "ValueSet", "CodeSystem");

  /** Guides we quote from and whose packages are not on Maven Central. */
  private static final String[] FOREIGN_EXTENSIONS = {
    "http://hl7.org/fhir/uv/aitransparency/",
    "http://hl7.org/fhir/uv/security-label-ds4p/",
    "http://hl7.org/fhir/StructureDefinition/derivation-reference",
    "http://hl7.org/fhir/StructureDefinition/targetPath",
    "http://hl7.org/fhir/5.0/StructureDefinition/"
  };

  private Validator() {}

  public static void main(String[] sources) throws IOException {
    FhirContext context = FhirContext.forR4();
    PrePopulatedValidationSupport ours = new PrePopulatedValidationSupport(context);
    IParser parser = context.newJsonParser();
    for (String source : sources) {
      Path path = Path.of(source);
      if (Files.isDirectory(path)) {
        addFolder(ours, parser, path);
      } else {
        addPackage(ours, parser, path);
      }
    }
    FhirValidator validator = validator(context, ours);

    InetSocketAddress loopback = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    HttpServer server = HttpServer.create(loopback, 8);
    server.createContext("/", exchange -> answer(exchange, validator));
    server.start();
    System.out.println("READY " + server.getAddress().getPort());
  }

  private static FhirValidator validator(FhirContext context, PrePopulatedValidationSupport ours) {
    UnknownCodeSystemWarningValidationSupport unknown =
        new UnknownCodeSystemWarningValidationSupport(context);
    unknown.setNonExistentCodeSystemSeverity(IssueSeverity.WARNING);
    ValidationSupportChain chain =
        new ValidationSupportChain(
            ours,
            new BaseDefinitions(context),
            new CommonCodeSystemsTerminologyService(context),
            new InMemoryTerminologyServerValidationSupport(context),
            new SnapshotGeneratingValidationSupport(context),
            unknown);
    FhirInstanceValidator module = new FhirInstanceValidator(chain);
    module.setBestPracticeWarningLevel(BestPracticeWarningLevel.Ignore);
    module.setAnyExtensionsAllowed(false);
    module.setCustomExtensionDomains(FOREIGN_EXTENSIONS);
    module.setErrorForUnknownProfiles(true);
    module.setAssumeValidRestReferences(false);
    return context.newValidator().registerValidatorModule(module);
  }

  /**
   * Base R4, which answers to its canonicals whatever version they ask for: FR Core names the base
   * types with {@code |4.0.1} and extensions with the version of the later extensions pack.
   */
  private static final class BaseDefinitions extends DefaultProfileValidationSupport {

    BaseDefinitions(FhirContext context) {
      super(context);
    }

    @Override
    public IBaseResource fetchStructureDefinition(String url) {
      return super.fetchStructureDefinition(unversioned(url));
    }

    private static String unversioned(String url) {
      boolean base = url != null && url.startsWith("http://hl7.org/fhir/");
      return base && url.contains("|") ? url.substring(0, url.indexOf('|')) : url;
    }
  }

  private static void addFolder(PrePopulatedValidationSupport ours, IParser parser, Path folder)
      throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : (Iterable<Path>) files.filter(f -> f.toString().endsWith(".json"))::iterator) {
        add(ours, parser, Files.readString(file));
      }
    }
  }

  private static void addPackage(PrePopulatedValidationSupport ours, IParser parser, Path archive)
      throws IOException {
    try (InputStream bytes = Files.newInputStream(archive)) {
      NpmPackage content = NpmPackage.fromPackage(bytes);
      for (String name : content.listResources(CONFORMANCE)) {
        try (InputStream resource = content.loadResource(name)) {
          add(ours, parser, new String(resource.readAllBytes(), StandardCharsets.UTF_8));
        }
      }
    }
  }

  private static void add(PrePopulatedValidationSupport ours, IParser parser, String text)
      throws IOException {
    String type = JSON.readTree(text).path("resourceType").asText();
    if (CONFORMANCE.contains(type)) {
      IBaseResource resource = parser.parseResource(text);
      ours.addResource(resource);
    }
  }

  private static void answer(HttpExchange exchange, FhirValidator validator) throws IOException {
    byte[] body;
    int status = 200;
    try {
      String text = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
      body = JSON.writeValueAsBytes(messages(validator.validateWithResult(text).getMessages()));
    } catch (RuntimeException fault) {
      status = 422;
      body = String.valueOf(fault.getMessage()).getBytes(StandardCharsets.UTF_8);
    }
    exchange.sendResponseHeaders(status, body.length);
    try (exchange) {
      exchange.getResponseBody().write(body);
    }
  }

  private static ArrayNode messages(List<SingleValidationMessage> found) {
    ArrayNode list = JSON.createArrayNode();
    for (SingleValidationMessage message : found) {
      ObjectNode node = list.addObject();
      node.put("severity", message.getSeverity().getCode());
      node.put("code", message.getMessageId());
      node.put("location", message.getLocationString());
      node.put("text", message.getMessage());
    }
    return list;
  }
}
